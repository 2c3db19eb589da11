"""Rows for people who work in other tools: what is handed over, in which form, and the way back."""
