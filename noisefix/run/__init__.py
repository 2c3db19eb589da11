"""A run folder: its tables and their schemas, what is in run.json, and the stages that fill it."""
