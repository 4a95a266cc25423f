"""How fast the project is at each of its jobs, beside the library people would use for it otherwise, in one run."""
