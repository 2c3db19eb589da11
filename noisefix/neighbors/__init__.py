"""Nearest neighbours, near-duplicates, and the labels that neighbours make plausible."""
