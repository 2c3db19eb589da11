"""Several labels a row: every label judged, from the table to what is said of it."""
