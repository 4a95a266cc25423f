"""Evaluation of encoders: what each stage bought."""
