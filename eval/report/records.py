"""Figures as the cards of modules take them."""

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
}


def scores(results: Sequence[Result]) -> list[Score]:
    """Every figure of a language or a pair of languages, with the modules it was made with.

    Of encoders with alignment, comparisons within a language are left out: they are made without it. Of base encoders,
    only the base of the modules has figures, with the prompt and pooling that are usual for it.
    """
    untouched = _untouched(results)
    found = []
    for result in results:
        describes = result.facts.get("encoder", {})
        if describes.get("alignment") == "always":
            continue  # an experiment: within a language, alignment is off in use
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
    """Of the modules' untouched base, by benchmark and split; none where modules of several bases are compared."""
    bases = {result.facts.get("encoder", {}).get("base_fingerprint") for result in results if result.kind != "base"}
    found: dict[tuple[str, str], Result] = {}
    for result in results:
        describes = result.facts.get("encoder", {})
        # Earlier results do not say; what is usual was the mean for all of them.
        as_it_comes = describes.get("as_it_comes", describes.get("pooling") == "mean")
        if result.kind == "base" and as_it_comes and bases == {describes.get("base_fingerprint")}:
            found.setdefault((result.benchmark, result.split), result)
    return found
