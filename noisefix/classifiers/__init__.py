"""Train a classifier on noisy labels, compare methods, and predict."""
