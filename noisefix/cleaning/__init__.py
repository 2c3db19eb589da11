"""Write a cleaned file: what is done to each row, the ledger of it, and the way back."""
