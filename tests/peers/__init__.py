"""Exports and the encoder in the hands of other libraries, each in an environment of its own: `make peers`."""
