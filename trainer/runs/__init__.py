"""What every program does around training: read a recipe, keep its place, record, publish."""
