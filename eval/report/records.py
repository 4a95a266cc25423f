"""Figures in the form that module cards use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from adapters_hub.format import Score
from adapters_hub.format.scores import Encoder
from eval.results import Result

_TASKS = {
    "similarity": "sentence-similarity",
    "relatedness": "sentence-similarity",
    "classification": "text-classification",
    "mining": "translation-retrieval",
    "choice": "question-answering",
    "retrieval": "text-retrieval",
}


def scores(results: Sequence[Result]) -> list[Score]:
    """Every figure of a language or a pair of languages, with the modules that it depends on.

    Figures of an aligned encoder within a language are recorded as figures of the modules, since alignment is off
    there. Among base encoders, only the modules' own base with its usual prompt and pooling is recorded.
    """
    untouched = _untouched(results)
    found = []
    for result in results:
        describes = result.facts.get("encoder", {})
        if describes.get("alignment") == "always":
            continue  # an experiment: in normal use, alignment is off within a language
        if result.kind == "base" and result is not untouched.get((result.benchmark, result.split)):
            continue
        for figure in result.figures:
            if not figure.languages:
                continue
            unaligned = result.kind == "aligned" and len(figure.languages) == 1
            found.append(
                Score(
                    task=_TASKS[result.task],
                    benchmark=result.title,
                    dataset=result.dataset,
                    split=result.split,
                    languages=figure.languages,
                    metric=figure.metric,
                    value=figure.value,
                    encoder=cast(Encoder, "modules" if unaligned else result.kind),
                    modules=figure.modules,
                    interval=figure.interval,
                    size=figure.size,
                )
            )
    return list(dict.fromkeys(found))


def _untouched(results: Sequence[Result]) -> dict[tuple[str, str], Result]:
    """Results of the modules' untouched base by benchmark and split; empty if the modules have several bases."""
    bases = {result.facts.get("encoder", {}).get("base_fingerprint") for result in results if result.kind != "base"}
    found: dict[tuple[str, str], Result] = {}
    for result in results:
        describes = result.facts.get("encoder", {})
        # Earlier results lack this entry; mean pooling was the usual one for all of them.
        as_it_comes = describes.get("as_it_comes", describes.get("pooling") == "mean")
        if result.kind == "base" and as_it_comes and bases == {describes.get("base_fingerprint")}:
            found.setdefault((result.benchmark, result.split), result)
    return found
