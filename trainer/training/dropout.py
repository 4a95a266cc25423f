"""The dropout of a base in training."""

from __future__ import annotations

from torch import nn


def set_dropout(model: nn.Module, p: float | None) -> None:
    """Drop with another probability than the base was trained with; None keeps the base's own."""
    for module in model.modules() if p is not None else ():
        if isinstance(module, nn.Dropout):
            module.p = p  # type: ignore[assignment]
        for name in ("dropout", "attention_dropout", "activation_dropout"):  # layers that keep a number of their own
            if isinstance(getattr(module, name, None), int | float):
                setattr(module, name, p)
