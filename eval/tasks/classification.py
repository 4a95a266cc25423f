"""Classification of frozen vectors by logistic regression, within a language and by transfer from the pivot."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from eval.benchmarks.data import Classification, Labelled
from eval.bootstrap import mean_samples, resample_counts
from eval.encoders import CachedEncoder
from eval.errors import EvaluationError
from eval.languages import find_language
from eval.metrics import accuracy
from eval.tasks.figure import Figure, mean_of

PIVOT = "eng"
_STRENGTH = 10.0  # inverse of the regularisation; chosen on development data


def score_classification(data: Classification, encoder: CachedEncoder, resamples: int, seed: int) -> list[Figure]:
    """Accuracy of a classifier trained in the same language, and of one trained in English.

    Returns:
        A figure for each language trained and tested in it (`mono`) and for each other language after training in
        English (`cross`), and the means of both.
    """
    within = []
    for code, texts in data.languages.items():
        classifier = _train(encoder(texts.train_texts, code), texts.train_labels, code)
        within.append(_test("mono", (code,), classifier, texts, encoder, across=False, resamples=resamples, seed=seed))
    pivot = find_language(PIVOT, data.languages)
    across = []
    if pivot is not None:
        source = data.languages[pivot]
        classifier = _train(encoder(source.train_texts, pivot, across=True), source.train_labels, pivot)
        across = [
            _test("cross", (pivot, code), classifier, texts, encoder, across=True, resamples=resamples, seed=seed)
            for code, texts in data.languages.items()
            if code != pivot
        ]
    means = [mean_of(name, group) for name, group in (("mono", within), ("cross", across)) if group]
    return [*within, *across, *means]


def _train(vectors: np.ndarray, labels: Sequence[str], language: str) -> LogisticRegression:
    if len(set(labels)) < 2:
        raise EvaluationError(f"the training labels of {language} are all {labels[0]!r}: there is nothing to learn")
    classifier = LogisticRegression(C=_STRENGTH, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(vectors, labels)
    return classifier


def _test(
    name: str,
    languages: tuple[str, ...],
    classifier: LogisticRegression,
    texts: Labelled,
    encoder: CachedEncoder,
    *,
    across: bool,
    resamples: int,
    seed: int,
) -> Figure:
    code = languages[-1]
    predicted = classifier.predict(encoder(texts.test_texts, code, across=across))
    right = predicted == np.asarray(texts.test_labels)
    counts = resample_counts(len(right), resamples, seed)
    used = [encoder.encoder.modules(language, across) for language in languages]
    return Figure(
        name,
        "accuracy",
        accuracy(right, np.ones_like(right)),
        100 * mean_samples(right, counts),
        len(right),
        languages,
        tuple(dict.fromkeys(fingerprint for modules in used for fingerprint in modules)),
    )
