"""The demo: compose modules while the encoder runs, and see the effect of each one."""
