"""What people would use otherwise, with its best ordinary settings; each a program of its own."""
