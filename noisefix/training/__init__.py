"""Classifiers that the remaining label noise does not mislead: arrays in, a classifier out."""
