"""A search index: texts in many languages, found by questions in any of them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from adapters_hub.detection import AUTO
from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.encoder.sentences import group_by_language
from adapters_hub.errors import AdaptersHubError, InputTextError
from adapters_hub.search.calibration import SAMPLED, Calibration
from adapters_hub.search.encoded import encoded_parts
from adapters_hub.search.record import Record, loaded_language, place_of_index
from adapters_hub.search.table import Passages, PassageTable
from adapters_hub.texts import read_texts

logger = logging.getLogger(__name__)

Mode = Literal["auto", "vectors", "words", "both"]
"""How passages are found. `auto`: `both` for questions in a language of the corpus, `vectors` for others."""

_AT_A_TIME = 4096
_FUSED = 100
_RANK = 10


@dataclass(frozen=True)
class Hit:
    """A passage that was found.

    Attributes:
        text: the passage.
        similarity: its cosine similarity to the question.
        standard_score: by how many standard deviations it is nearer to the question than random passages of the
            corpus are; NaN if the corpus is too small to tell.
        source: the file that it comes from.
        number: its line or row in the source.
        language: its language; None: encoded by the untouched base.
        columns: the columns that `adapters-hub encode` has kept.
    """

    text: str
    similarity: float
    standard_score: float
    source: str
    number: int
    language: str | None
    columns: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What was found for a question.

    Attributes:
        question: the question.
        language: its language.
        hits: the passages, best first.
        answered: whether one of them is nearer than the threshold; if not, probably no passage answers the question.
        threshold: the standard score that the best passage reaches by chance for one question in twenty.
        mode: how the passages were found.
        cut: whether the question was cut, because it has too many tokens.
    """

    question: str
    language: str | None
    hits: list[Hit]
    answered: bool
    threshold: float
    mode: Mode
    cut: bool


class SearchIndex:
    """Passages in a folder, with their vectors and an index of their words.

    Any number of processes may search while one appends. What a killed process had not finished to append is not
    there; appending the same texts again adds the rest.

    Args:
        folder: a new folder, one that an index was written to, or one that `adapters-hub encode` has written; the index
            of the latter is made inside it.
        encoder: an encoder with the modules of all languages of the corpus; its vectors must be those of the corpus.

    Raises:
        CompositionError: the corpus was encoded with another base or other modules, or some are not loaded.
        AdaptersHubError: the folder holds something else, or is damaged.

    Example:
        >>> index = SearchIndex("passages", encoder)
        >>> index.append(["The library is open until nine.", "Bread keeps longest in a clay pot."], "eng")
        >>> index.search("When does the library close?", "eng")[0].hits[0].text
        'The library is open until nine.'
    """

    def __init__(self, folder: Path | str, encoder: ModularEncoder) -> None:
        self.encoder, given = encoder, Path(folder)
        self.folder, self.record = place_of_index(given), Record.of(given)
        self.record.check(encoder)
        self._table = PassageTable(self.folder)
        self._calibration: Calibration | None = None
        if self.folder != given:
            self._take_in(given)

    def __len__(self) -> int:
        """Number of passages."""
        return len(self._table)

    @property
    def languages(self) -> list[str | None]:
        """The languages of the passages."""
        return list(self.record.languages)

    @property
    def calibration(self) -> Calibration:
        """The sample of passages that questions are compared with.

        Raises:
            AdaptersHubError: there are no passages.
        """
        if not len(self):
            raise AdaptersHubError(f"the corpus in {self.folder} is empty: append texts to it first")
        if self._calibration is None:
            self._calibration = Calibration(self._table.sample(SAMPLED), len(self))
        return self._calibration

    def append(
        self,
        texts: Iterable[str],
        language: str | None,
        *,
        align: Align = False,
        source: str = "",
        numbers: Sequence[int] | None = None,
        show_progress: bool = False,
    ) -> int:
        """Encode passages and add them. Passages that were added before in the same call are not added again.

        Args:
            texts: the passages; none may be empty.
            language: their language; None: the untouched base encodes them; `auto`: each in the loaded language that is
                detected, see `ModularEncoder.encode`.
            align: as for `ModularEncoder.encode`. Switch it on if questions in other languages are to find them.
            source: the name of the place that they come from.
            numbers: the number of each there; by default from 1.
            show_progress: show a progress bar.

        Returns:
            How many were added.

        Raises:
            InputTextError: a text is empty or not a text, or the language is not loaded.
            CompositionError: other modules or another alignment have encoded the corpus's passages in this language.
            AdaptersHubError: the disk cannot take them.
        """
        given = read_texts(texts).present
        places = list(numbers) if numbers is not None else list(range(1, len(given) + 1))
        if language == AUTO:
            added = 0
            for one, rows in self._groups(given, language).items():
                own, where = [given[row] for row in rows], [places[row] for row in rows]
                added += self.append(own, one, align=align, source=source, numbers=where, show_progress=show_progress)
            return added
        code = loaded_language(self.encoder, language)
        record = self.record.including(self.encoder, code, align)
        if not given:
            return 0
        self.folder.mkdir(parents=True, exist_ok=True)
        record.write(self.folder)  # before the passages: a language without any does no harm
        self.record = record
        there, added = self._table.parts(), 0
        for start in range(0, len(given), _AT_A_TIME):
            chunk = slice(start, start + _AT_A_TIME)
            part = hashlib.sha256(repr((source, code, places[chunk], given[chunk])).encode("utf-8")).hexdigest()
            if part in there:
                continue
            vectors = self.encoder.encode_document(given[chunk], code, align=align, show_progress=show_progress)
            self._table.add(Passages(part, source, [code] * len(vectors), places[chunk], given[chunk], vectors))
            added += len(vectors)
        self._changed()
        return added

    def vectors(self, questions: str | Iterable[str], language: str | Sequence[str | None] | None) -> np.ndarray:
        """The vectors of questions that this corpus is searched with, for another store of the same vectors.

        They have what passages that are near to all others have in common subtracted (see
        `Calibration.without_hubs`), so their length is not one: rank by cosine similarity or by the inner product.

        Returns:
            `[n, dim]`, float32.

        Raises:
            InputTextError: a question is empty, or the language is not loaded.
        """
        asked = read_texts(questions).present
        return self._encoded(asked, self._codes(asked, language))[1]

    def passages(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield every passage with its vector `[dim]`, float32, for another store."""
        for rows, vectors in self._table.scan():
            for row, vector in zip(rows, vectors, strict=True):
                yield row["text"], vector

    def search(
        self,
        questions: str | Iterable[str],
        language: str | Sequence[str | None] | None,
        *,
        top: int = 10,
        mode: Mode = "auto",
    ) -> list[Answer]:
        """Find the passages that answer questions.

        Args:
            questions: one question or several.
            language: the language of all questions, or one per question; None: the untouched base encodes them; `auto`:
                the loaded language that is detected. In a language of the corpus they are encoded as its passages are,
                in another one with its alignment adapter.
            top: how many passages to find for each.
            mode: `vectors`: by the similarity of meaning; `words`: by words in common (BM25 on trigrams); `both`: by
                reciprocal rank fusion of the two; `auto`: see `Mode`.

        Returns:
            One answer per question, in their order.

        Raises:
            InputTextError: a question is empty, the language is not loaded, or `top` or `mode` is not valid.
            AdaptersHubError: the corpus is empty or damaged.
        """
        if mode not in get_args(Mode):
            raise InputTextError(f"mode must be one of {', '.join(get_args(Mode))}, not {mode!r:.40}")
        if top < 1:
            raise InputTextError(f"top must be at least 1, not {top}")
        asked = read_texts(questions).present
        codes = self._codes(asked, language)
        calibration = self.calibration
        plain, corrected, cut = self._encoded(asked, codes)
        modes: list[Mode] = [mode if mode != "auto" else self._usual_mode(code) for code in codes]
        self._table.index(words=set(modes) != {"vectors"})
        answers = []
        for place, question in enumerate(asked):
            ids = self._ids(question, corrected[place], modes[place], top)
            rows, vectors = self._table.read(ids) if ids else ([], np.empty((0, self.encoder.dimension)))
            similarities = vectors @ plain[place]
            scores = calibration.standard_scores(corrected[place], vectors)
            hits = [_hit(*found) for found in zip(rows, similarities, scores, strict=True)]
            answered = bool(hits) and not (calibration.possible and scores.max() < calibration.threshold)
            answers.append(
                Answer(question, codes[place], hits, answered, calibration.threshold, modes[place], cut[place])
            )
        return answers

    def composed(self, language: str | None) -> str:
        """How questions in a language and the passages are encoded, for people to read.

        Raises:
            AdaptersHubError: the language is not loaded.
        """
        code = loaded_language(self.encoder, language)
        align = self.record.alignment_of_question(self.encoder, code)
        passages = [_told(one, self.record.alignment(self.encoder, one)) for one in self.languages]
        return f"questions in {_told(code, align)}, passages in {', '.join(passages)}"

    def _codes(self, questions: list[str], language: str | Sequence[str | None] | None) -> list[str | None]:
        """The loaded language of each question."""
        groups = self._groups(questions, language)
        codes = {row: code for code, rows in groups.items() for row in rows}
        return [codes[row] for row in range(len(questions))]

    def _groups(self, texts: list[str], language: str | Sequence[str | None] | None) -> dict[str | None, list[int]]:
        """The rows of each loaded language, named in any way or to be detected."""
        given = [language] * len(texts) if language is None or isinstance(language, str) else list(language)
        if len(given) != len(texts):
            raise InputTextError(f"expected a language for each of {len(texts)} questions, found {len(given)}")
        named = [code if code == AUTO else loaded_language(self.encoder, code) for code in given]
        return group_by_language(read_texts(texts), named, self.encoder.languages, self.encoder.auto)

    def _usual_mode(self, code: str | None) -> Mode:
        return "both" if code in self.record.languages else "vectors"

    def _encoded(self, questions: list[str], codes: list[str | None]) -> tuple[np.ndarray, np.ndarray, list[bool]]:
        """The vectors of questions as they are, those to search with, and which questions were cut."""
        vectors = np.empty((len(questions), self.encoder.dimension), dtype=np.float32)
        cut = [False] * len(questions)
        for code in dict.fromkeys(codes):
            rows = [row for row, one in enumerate(codes) if one == code]
            align = self.record.alignment_of_question(self.encoder, code)
            found = self.encoder.encode_query([questions[row] for row in rows], code, align=align, details=True)
            vectors[rows] = found.vectors
            for row, was_cut in zip(rows, found.cut, strict=True):
                cut[row] = was_cut
        return vectors, self.calibration.without_hubs(vectors), cut

    def _ids(self, question: str, vector: np.ndarray, mode: Mode, top: int) -> list[int]:
        if mode == "vectors":
            return self._table.nearest(vector, top)
        if mode == "words":
            return self._table.with_words(question, top)
        depth = max(top, _FUSED)
        return fused(self._table.nearest(vector, depth), self._table.with_words(question, depth))[:top]

    def _take_in(self, encoded: Path) -> None:
        """Add the shards that `adapters-hub encode` has written and that are not here yet."""
        for passages in encoded_parts(encoded, self._table.parts()):
            self.folder.mkdir(exist_ok=True)
            self.record.write(self.folder)
            self._table.add(passages)
            self._changed()

    def _changed(self) -> None:
        self._calibration = None
        self._table.index(words=False)


def fused(*rankings: Sequence[int]) -> list[int]:
    """Reciprocal rank fusion of rankings, best first.

    References:
        Cormack, Clarke and Büttcher 2009, Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
        Methods. Their constant of 60 is for many systems; 10 was better for two on development data.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + 1 / (_RANK + rank)
    return sorted(scores, key=lambda row: -scores[row])


def _hit(row: dict[str, Any], similarity: float, score: float) -> Hit:
    columns = json.loads(row["columns"]) if row["columns"] else {}
    where = row["source"], row["number"], row["language"]
    return Hit(row["text"], float(similarity), float(score), *where, columns)


def _told(code: str | None, align: Align) -> str:
    return "the base's language" if code is None else f"{code}{' (aligned)' if align else ''}"
