"""Retrieval: passages ranked by their similarity to a query, within and across languages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytrec_eval

from eval.benchmarks.data import Collection, Retrieval
from eval.encoders import CachedEncoder
from eval.tasks.figure import Draw, Figure, mean_figure, means_of, undirected

MEASURES = {"ndcg_cut_10": "ndcg_at_10", "recip_rank": "mrr_at_10", "recall_1": "recall_at_1",
            "recall_10": "recall_at_10", "recall_100": "recall_at_100"}  # fmt: skip
"""The measures of trec_eval, and the names that MTEB gives them; the first is the main one."""

_RANKED = 100
_QUERIES_AT_A_TIME = 64


def figure_name(scope: str, metric: str) -> str:
    """The kind of a figure: `mono` or `cross` for the main measure, `mono_recall_at_10` and so on for the others."""
    return scope if metric == "ndcg_at_10" else f"{scope}_{metric}"


def score_retrieval(data: Retrieval, encoder: CachedEncoder, draw: Draw) -> list[Figure]:
    """nDCG@10, MRR@10 and recall@1, 10 and 100, as trec_eval computes them, of exact search by cosine similarity.

    The bootstrap resamples the queries.

    Returns:
        Figures for each language (`mono`) and pair of languages (`cross`; the mean of both directions if the data has
        both), followed by the means over these.
    """
    directed = {
        languages: _figures(collection, languages, encoder, draw)
        for languages, collection in data.pairs.items()
        if collection.relevant
    }
    figures = undirected(directed)
    names = [figure_name(scope, metric) for scope in ("mono", "cross") for metric in MEASURES.values()]
    return [*figures, *means_of(figures, *names)]


def _figures(collection: Collection, languages: tuple[str, str], encoder: CachedEncoder, draw: Draw) -> list[Figure]:
    of_queries, of_passages = languages
    across = of_queries != of_passages
    asked = list(collection.relevant)
    queries = encoder([collection.queries[key] for key in asked], of_queries, across, "query")
    passages = encoder(list(collection.passages.values()), of_passages, across, "document")
    run = {
        asked[row]: {names[rank]: -float(rank) for rank in range(len(names))}
        for row, names in _ranked(queries, passages, list(collection.passages))
    }
    scope, named = ("cross", languages) if across else ("mono", (of_queries,))
    return [
        mean_figure(figure_name(scope, metric), metric, values, named, encoder, draw)
        for metric, values in measured(collection, run, asked).items()
    ]


def _ranked(queries: np.ndarray, passages: np.ndarray, names: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Each query's row and its nearest passages, best first; equally near ones in the order of the corpus."""
    most = min(_RANKED, len(names))
    for start in range(0, len(queries), _QUERIES_AT_A_TIME):
        similarities = queries[start : start + _QUERIES_AT_A_TIME] @ passages.T
        for row, values in enumerate(similarities):
            kept = np.arange(len(values))
            if most < len(values):  # all that are as near as the last place, so that ties do not depend on luck
                kept = np.flatnonzero(values >= np.partition(values, len(values) - most)[len(values) - most])
            best = kept[np.argsort(-values[kept], kind="stable")][:most]
            yield start + row, [names[place] for place in best]


def measured(collection: Collection, run: dict[str, dict[str, float]], asked: Sequence[str]) -> dict[str, np.ndarray]:
    """The value of each measure for each query, `[queries]`, from 0 to 1.

    Args:
        collection: the judgements.
        run: a score for each passage that was found, by query.
        asked: the queries.
    """
    relevant = {key: dict(collection.relevant[key]) for key in asked}
    found = pytrec_eval.RelevanceEvaluator(relevant, {"ndcg_cut.10", "recall.1,10,100"}).evaluate(run)
    # The reciprocal rank has no cut-off in trec_eval, so it is computed on the first ten.
    first = {key: dict(itertools.islice(ranked.items(), 10)) for key, ranked in run.items()}
    reciprocal = pytrec_eval.RelevanceEvaluator(relevant, {"recip_rank"}).evaluate(first)
    return {
        metric: np.array([(reciprocal if measure == "recip_rank" else found)[key][measure] for key in asked])
        for measure, metric in MEASURES.items()
    }
