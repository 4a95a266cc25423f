"""Encoders in forked processes, which inherit the memory of their parent but none of its threads."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

import torch


class Forked(Protocol):
    """An object that is notified in a forked child process."""

    def after_fork(self) -> None:
        """Reset what does not outlive a fork."""


_LIVE: weakref.WeakSet[Forked] = weakref.WeakSet()
"""The engines of all encoders of this process."""


def tell_after_fork(engine: Forked) -> None:
    """Register an engine, so that its `after_fork` is called in every child that this process forks."""
    _LIVE.add(engine)


def _after_fork() -> None:
    if _LIVE:
        torch.set_num_threads(1)  # the child has none of its parent's threads, and OpenMP would wait for them
    for engine in list(_LIVE):
        engine.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
