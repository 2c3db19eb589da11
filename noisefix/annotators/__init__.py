"""Who is asked about a label, what is asked, and what becomes of the answer."""
