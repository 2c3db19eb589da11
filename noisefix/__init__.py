"""Find, explain and repair wrong labels in text data sets."""

__version__ = "0.1.0"
