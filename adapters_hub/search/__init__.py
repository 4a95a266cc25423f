"""Search a corpus: `SearchIndex`."""

from adapters_hub.search.index import Answer, Hit, Mode, SearchIndex

__all__ = ["Answer", "Hit", "Mode", "SearchIndex"]
