"""A sample that a person marks, and what it says of the flags and of all labels."""
