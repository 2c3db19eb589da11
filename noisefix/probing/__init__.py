"""Out-of-sample views of every row, and what they say together of its label."""
