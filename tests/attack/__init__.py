"""Hostile modules, bases and folders: each is refused in one line, within memory and time, and destroys nothing."""
