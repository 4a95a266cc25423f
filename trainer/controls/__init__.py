"""The monolithic controls that modules are compared with: which there are, and what each of them learns from."""
