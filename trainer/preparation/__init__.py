"""Training data out of public and local sources: what a source is, how it is read, cleaned and put together."""
