"""What every program does around training: read the recipe, keep resumable state, record and publish."""
