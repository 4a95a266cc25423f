"""The demo: compose modules on the fly and see what each one does."""
