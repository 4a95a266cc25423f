"""Evaluation of encoders: what each stage contributes."""
