"""What the owner allows, and what keeps visitors within it."""
