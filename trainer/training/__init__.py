"""The Hugging Face Trainers of the phases, and what they stand on: arguments, checkpoints, frozen layers."""
