"""Metrics against a known truth: arrays in, numbers out; only ``evaluate`` and benchmarks use them.

Nothing here is ever called on the way from the data to a verdict.
"""
