"""Measures against known labels, and their intervals: arrays in, numbers out."""
