"""Clean rows, and count the dropped ones by reason."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trainer.preparation.exclusion import Excluded
from trainer.preparation.rows import Row
from trainer.translation import SCRIPT_SHARE, Checks, Translation, share_of_script

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u200e\u200f\u202a-\u202e\u2060\ufeff\ufffe\uffff]")
_SAMPLE = 2000
"""Number of rows, from the start of a source, that give the usual length ratio of its two languages."""


@dataclass(frozen=True)
class Limits:
    """The conditions that a row must meet.

    Attributes:
        scripts: ISO 15924 code of each sentence's script; None: not checked. The last holds for all further sentences.
        crossing: the second sentence is a translation of the first.
        min_characters: fewest characters of a sentence.
        max_characters: most characters of a sentence.
    """

    scripts: tuple[str | None, ...]
    crossing: bool = False
    min_characters: int = 2
    max_characters: int = 1000


class Cleaner:
    """Cleans the rows of a source.

    Args:
        limits: the conditions that the rows must meet.
        excluded: sentences that the rows must not contain.

    Attributes:
        read: number of rows read.
        dropped: number of dropped rows by reason.
    """

    def __init__(self, limits: Limits, excluded: Excluded) -> None:
        self.limits = limits
        self.excluded = excluded
        self.read = 0
        self.dropped: Counter[str] = Counter()

    def clean(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that pass, normalised (NFC, single spaces) and without duplicates."""
        rows = iter(rows)
        checks = None
        if self.limits.crossing:
            sample = list(itertools.islice(rows, _SAMPLE))
            rows = itertools.chain(sample, rows)
            pairs = [tuple(normalised(text) for text in row.texts) for row in sample]
            checks = Checks(((one, Translation(other)) for one, other in pairs if one), self.limits.scripts[1])
        seen: set[bytes] = set()
        for row in rows:
            self.read += 1
            texts = tuple(normalised(text) for text in row.texts)
            fault = self._fault(texts, checks)
            key = digest(texts)
            if not fault and key in seen:
                fault = "duplicates"
            if fault:
                self.dropped[fault] += 1
                continue
            seen.add(key)
            yield Row(row.label, texts)

    def _fault(self, texts: tuple[str, ...], checks: Checks | None) -> str | None:
        limits, given = self.limits, [text for text in texts if text]
        if not all(texts[:2]):
            return "empty"
        if len(set(given)) < len(given):
            return "twice the same sentence"
        if any(len(text) < limits.min_characters or not any(map(str.isalpha, text)) for text in given):
            return "too short"
        if any(len(text) > limits.max_characters for text in given):
            return "too long"
        for place, text in enumerate(texts):
            script = limits.scripts[min(place, len(limits.scripts) - 1)]
            if script and share_of_script(text, script) < SCRIPT_SHARE:
                return f"not in {script}"
        if checks and (fault := checks.fault(texts[0], Translation(texts[1]))):
            return fault
        if any(text in self.excluded for text in given):
            return "in the excluded files"
        return None


def normalised(text: str) -> str:
    """Normalise text: NFC, no control or direction marks, single spaces."""
    return " ".join(_CONTROL.sub(" ", unicodedata.normalize("NFC", text)).split())


def digest(texts: tuple[str, ...]) -> bytes:
    """A hash of a row's content; empty sentences at its end do not count."""
    joined = "\x1f".join(texts).rstrip("\x1f")
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).digest()
