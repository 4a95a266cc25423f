"""Stages that make modules: language modules (stage 1) and alignment adapters (stage 2)."""
