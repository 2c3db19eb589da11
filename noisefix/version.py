"""The version, for whoever writes it into a file; nothing else is here."""

__version__ = "0.1.0"
