"""Several people decide at once: the page of a run from a server of its own."""
