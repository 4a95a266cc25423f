"""Compare the modes of a search index: by vectors, by words and by both, and whether it tells that none answers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters_hub.search.calibration import SAMPLED, Calibration
from adapters_hub.search.index import fused
from adapters_hub.search.table import Passages, PassageTable
from eval.benchmarks.data import Collection, Retrieval
from eval.encoders import CachedEncoder
from eval.tasks.retrieval import measured

_DEPTH = 100
_MAIN = "ndcg_at_10"


@dataclass(frozen=True)
class Modes:
    """The figures of one pair of languages, in per cent.

    Attributes:
        queries: language of the queries.
        passages: language of the passages.
        ndcg: nDCG@10 by the way of searching: `cosine` is exact search by cosine similarity, `vectors`, `words` and
            `both` are the modes of a search index.
        hub: the share of questions that have the passage that is most often first at the first place, by `cosine` and
            by `vectors`.
        answered: the share of questions that a search by vectors takes for answered, with their answers in the corpus.
        unanswered: the same share after their answers were taken away.
    """

    queries: str
    passages: str
    ndcg: dict[str, float]
    hub: dict[str, float]
    answered: float
    unanswered: float


def score_modes(data: Retrieval, encoder: CachedEncoder) -> Iterator[Modes]:
    """Score the modes on each pair of languages of which one is English or both are the same."""
    for (queries, passages), collection in data.pairs.items():
        if collection.relevant and passages in (queries, "eng"):
            across = queries != passages
            asked = [collection.queries[key] for key in collection.relevant]
            texts = list(collection.passages.values())
            found = encoder(asked, queries, across, "query"), encoder(texts, passages, across, "document")
            with tempfile.TemporaryDirectory() as folder:
                yield _scored(collection, (queries, passages), *found, PassageTable(Path(folder)))


def _scored(
    collection: Collection, languages: tuple[str, str], queries: np.ndarray, passages: np.ndarray, table: PassageTable
) -> Modes:
    names, texts = list(collection.passages), list(collection.passages.values())
    table.add(Passages("all", "all", [languages[1]] * len(texts), range(len(texts)), texts, passages))
    table.index(words=True)
    calibration = Calibration(table.sample(SAMPLED), len(table))
    corrected = calibration.without_hubs(queries)
    by_vectors = [table.nearest(query, _DEPTH) for query in corrected]
    by_words = [table.with_words(collection.queries[key], _DEPTH) for key in collection.relevant]
    by_cosine = np.argsort(-(queries @ passages.T), axis=1, kind="stable")[:, :_DEPTH]
    rankings = {
        "cosine": by_cosine.tolist(),
        "vectors": by_vectors,
        "words": by_words,
        "both": [fused(*pair)[:_DEPTH] for pair in zip(by_vectors, by_words, strict=True)],
    }
    asked = list(collection.relevant)
    ndcg = {}
    for mode, rows in rankings.items():
        # Row ids of a table that was written at once are the numbers of its rows.
        run = {
            key: {names[row]: -float(rank) for rank, row in enumerate(ranked)} or {names[0]: 0.0}
            for key, ranked in zip(asked, rows, strict=True)
        }
        ndcg[mode] = 100 * float(measured(collection, run, asked)[_MAIN].mean())
    first = {mode: np.bincount([ranked[0] for ranked in rankings[mode]]) for mode in ("cosine", "vectors")}
    scores = np.stack([calibration.standard_scores(query, passages) for query in corrected])
    with_answers = scores.max(1) >= calibration.threshold
    for row, key in enumerate(asked):
        scores[row, [names.index(name) for name in collection.relevant[key]]] = -np.inf
    without = scores.max(1) >= calibration.threshold
    hub = {mode: 100 * float(counts.max()) / len(asked) for mode, counts in first.items()}
    return Modes(*languages, ndcg, hub, 100 * float(with_answers.mean()), 100 * float(without.mean()))


def modes_table(rows: dict[str, list[Modes]]) -> str:
    """Markdown table, by benchmark."""
    lines = [
        "| | cosine | vectors | words | both | hub, cosine / vectors | taken for answered | without answers |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in rows.items():
        for one in found:
            best = max(one.ndcg.values())
            cells = [f"**{value:.1f}**" if value == best else f"{value:.1f}" for value in one.ndcg.values()]
            hub = " / ".join(f"{value:.1f}" for value in one.hub.values())
            cells += [hub, f"{one.answered:.0f}", f"{one.unanswered:.0f}"]
            lines.append(f"| {name}, {one.queries} on {one.passages} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
