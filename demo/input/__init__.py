"""The input of visitors: rows of sentences, compositions, examples, and links that hold a view."""
