"""What visitors put in: rows of sentences, compositions, examples, and the address that holds them."""
