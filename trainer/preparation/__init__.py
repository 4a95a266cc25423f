"""Training data from public and local sources: how sources are described, read, cleaned and merged."""
