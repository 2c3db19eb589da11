"""Read data files, write tables: formats, provenance, the run folder, and rewriting."""
