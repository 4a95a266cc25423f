"""Training programs that make language modules (stage 1) and alignment adapters (stage 2)."""
