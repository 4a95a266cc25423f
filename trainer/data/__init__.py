"""Training data: files and Hub data sets read, checked, cleaned and put in order for batches."""
