"""The limits that the owner sets, and the code that enforces them."""
