"""Training data: read files and Hub datasets, check and clean their rows, and order them for batches."""
