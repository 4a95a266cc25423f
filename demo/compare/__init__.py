"""The computing: the catalog of modules, the one encoder, and the comparison of sentences."""
