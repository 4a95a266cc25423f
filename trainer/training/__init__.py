"""The Hugging Face Trainers of the phases, with their arguments, checkpoints and layers."""
