"""Bound the memory: choose the languages to unload when too many are loaded."""

from __future__ import annotations

from collections import OrderedDict


class LeastRecentlyUsed:
    """The order in which languages were last used. Not thread-safe: the caller holds a lock.

    Args:
        kept: how many languages may be loaded at once, at least one.
    """

    def __init__(self, kept: int) -> None:
        self.kept = max(1, kept)
        self._order: OrderedDict[str, None] = OrderedDict()

    def use(self, language: str) -> list[str]:
        """Record a use; return the languages to unload now, never the one that is used."""
        self._order[language] = None
        self._order.move_to_end(language)
        over = []
        while len(self._order) > self.kept:
            over.append(self._order.popitem(last=False)[0])
        return over

    def forget(self, language: str) -> None:
        """Record that a language was unloaded."""
        self._order.pop(language, None)
