"""A run as one page: what was found, and a place to decide."""
