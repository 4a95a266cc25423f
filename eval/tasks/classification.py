"""Classification of frozen vectors by logistic regression, within a language and by transfer from the pivot."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from eval.benchmarks.data import Classification
from eval.encoders import CachedEncoder
from eval.errors import EvaluationError
from eval.languages import find_language
from eval.tasks.figure import Draw, Figure, mean_figure, means_of

PIVOT = "eng"
_STRENGTH = 10.0  # inverse of the regularisation; chosen on development data


def score_classification(data: Classification, encoder: CachedEncoder, draw: Draw) -> list[Figure]:
    """Accuracy of a classifier trained in the same language, and of one trained in English.

    Returns:
        A figure for each language trained and tested in it (`mono`) and for each other language after training in
        English (`cross`), and the means of both.
    """

    def trained(code: str, across: bool) -> LogisticRegression:
        texts = data.languages[code]
        if len(set(texts.train_labels)) < 2:
            raise EvaluationError(
                f"the training labels of {code} are all {texts.train_labels[0]!r}: there is nothing to learn"
            )
        classifier = LogisticRegression(C=_STRENGTH, max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(encoder(texts.train_texts, code, across), texts.train_labels)
        return classifier

    def tested(classifier: LogisticRegression, *languages: str) -> Figure:
        texts, across = data.languages[languages[-1]], len(languages) > 1
        predicted = classifier.predict(encoder(texts.test_texts, languages[-1], across))
        right = predicted == np.asarray(texts.test_labels)
        return mean_figure("cross" if across else "mono", "accuracy", right, languages, encoder, draw)

    figures = [tested(trained(code, across=False), code) for code in data.languages]
    if (pivot := find_language(PIVOT, data.languages)) is not None:
        classifier = trained(pivot, across=True)
        figures += [tested(classifier, pivot, code) for code in data.languages if code != pivot]
    return [*figures, *means_of(figures, "mono", "cross")]
