"""The monolithic controls that modules are compared with, and the training data of each."""
