"""What is computed: modules that can be reached, the one encoder, and the comparison of sentences."""
