"""Detect the language of texts, offline, among a few languages such as those that an encoder has modules for.

`py3langid` (a linear model over character n-grams) compares a text with 139 languages, so a text in none of the few is
noticed. It knows all languages of the paper. A language that it does not know is found by elimination.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, get_args

import regex

from adapters_hub.errors import AdaptersHubError
from adapters_hub.languages import find_language, usual_script
from adapters_hub.texts import canonical

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

AUTO = "auto"
"""What stands for the language of a sentence that is to be detected."""

Below = Literal["base", "error"]
"""What to do with a sentence whose language is uncertain: encode it with the untouched base, or refuse it."""

_PREFERENCE = 10.0
"""How much likelier one of the few languages is than another one, before the text is known."""
_CHARACTERS = 500
_OTHER = ("zxx", "und")
"""What the detector calls text in no language."""
_PARTS = {"Hans": ("Hani",), "Hant": ("Hani",), "Jpan": ("Hira", "Kana", "Hani"), "Kore": ("Hang", "Hani")}
"""The scripts of Unicode that a script of ISO 15924 consists of, if they are not the script itself."""


@dataclass(frozen=True)
class Detected:
    """The likeliest language of a text.

    Attributes:
        language: one of the languages to choose from; None if there are none.
        confidence: its probability, from 0 to 1, compared with all languages that the detector knows.
    """

    language: str | None
    confidence: float


@dataclass(frozen=True)
class AutoLanguage:
    """How an encoder treats sentences whose language it is to detect.

    Attributes:
        threshold: confidence below which a language is uncertain, from 0 to 1.
        below: `base` encodes such a sentence with the untouched base, `error` refuses it.

    Raises:
        AdaptersHubError: a value is not one of these.
    """

    threshold: float = 0.5
    below: Below = "base"

    def __post_init__(self) -> None:
        if isinstance(self.threshold, bool) or not 0 <= self.threshold <= 1:
            raise AdaptersHubError(f"expected a threshold between 0 and 1, found {self.threshold!r}")
        if self.below not in get_args(Below):
            raise AdaptersHubError(f"below must be one of {', '.join(get_args(Below))}, not {self.below!r}")


def detect(texts: Sequence[str], among: Sequence[str]) -> list[Detected]:
    """The likeliest language of each text, judged by its first 500 characters.

    Args:
        texts: the texts.
        among: ISO 639-3 codes of the languages to choose from, see `probabilities`.
    """
    found = []
    for text in texts:
        scores = probabilities(text, among)
        best = max(among, key=scores.__getitem__, default=None)
        found.append(Detected(best, 0.0 if best is None else scores[best]))
    return found


def probabilities(text: str, preferred: Sequence[str] = ()) -> dict[str, float]:
    """The probabilities of the preferred languages and of all others that the detector knows; their sum is 1.

    Before the text is known, a preferred language is ten times as likely as another one. Of two preferred codes for one
    language, such as `uzn_Latn` and `uzn_Cyrl`, the text's script decides. A preferred language that the detector does
    not know is taken for as likely as the likeliest language that is not preferred, if the text is in its script: no
    known language is nearer to the text. Several such languages share this probability.

    Args:
        text: the text; only its first 500 characters count.
        preferred: ISO 639-3 codes, with a script where it is needed.

    Returns:
        Probabilities by preferred code, and by the detector's own codes (mostly ISO 639-1).
    """
    text = canonical(text[:_CHARACTERS])
    known, unknown = _assigned(tuple(preferred))
    scores = dict.fromkeys(preferred, 0.0)
    for label, probability in _identifier().rank(text):
        if label in known:
            codes = known[label]
            code = codes[0] if len(codes) == 1 else (_in_script(text, codes) or codes)[0]
            scores[code] += _PREFERENCE * float(probability)
        else:
            scores[label] = float(probability)
    if hidden := _in_script(text, unknown):
        nearest = max(probability for label, probability in scores.items() if label not in preferred)
        scores |= dict.fromkeys(hidden, _PREFERENCE * nearest / len(hidden))
    whole = sum(scores.values())
    return {code: score / whole for code, score in scores.items()}


def detector() -> str:
    """The name and version of the detector, on which the languages that are detected depend."""
    return f"py3langid {version('py3langid')}"


def is_language(label: str) -> bool:
    """Whether a code of the detector stands for a language, and not for text in none."""
    return label not in _OTHER


@functools.lru_cache(maxsize=64)
def _assigned(preferred: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """The preferred codes that each code of the detector stands for, and the codes that the detector does not know."""
    known: dict[str, list[str]] = {}
    unknown = []
    for code in preferred:
        label = find_language(code, _identifier().labels)
        if label is None:
            unknown.append(code)
        else:
            known.setdefault(label, []).append(code)
    return known, unknown


def _in_script(text: str, codes: Sequence[str]) -> list[str]:
    """The codes whose script most letters of a text are in; none if no letter is in a script of theirs."""
    counts = {code: len(_letters(usual_script(code)).findall(text)) for code in codes}
    most = max(counts.values(), default=0)
    return [code for code, count in counts.items() if count == most > 0]


@functools.cache
def _letters(script: str) -> regex.Pattern[str]:
    parts = "".join(rf"\p{{Script={part}}}" for part in _PARTS.get(script, (script,)))
    try:
        return regex.compile(f"[{parts}]")
    except regex.error:  # ISO 15924 has scripts that are variants of others, which Unicode does not tell apart
        return regex.compile(r"(?!)")


@functools.cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # reading the model takes seconds

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
