"""Exports and the encoder used by other libraries, each in a separate environment: `make peers`."""
