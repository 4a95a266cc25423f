"""Peer libraries with their best ordinary settings; each peer is a separate program."""
