"""Rules that restore what people leave out when they type, such as diacritics, learned from text of the language.

    python -m trainer.vocabulary.restoring --language azj --text data/mono/azj.txt.xz

prints rules for `vocabulary.rewrite` that undo those in `trainer/recipes/typing/azj.tsv`. They apply where no letter
that such typing loses is near, so that text in the usual spelling stays as it is.

References:
    Yuret and de la Maza 2006, The Greedy Prepend Algorithm for Decision List Induction, ISCIS, restores Turkish letters
    by lists of contexts. Here general contexts come before special ones, and a context is listed only if it corrects
    more letters of the text than it spoils.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from trainer.data.rules import read_rules
from trainer.data.text_files import read_lines
from trainer.settings import RECIPES

SHAPES = (
    *((0, 0), (0, 1), (1, 0), (1, 1), (0, 3), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 2), (2, 3), (3, 3)),
    *((5, 1), (4, 2), (2, 4), (4, 3), (3, 4), (5, 2)),
)
"""Numbers of letters before and after the letter in question, from the most general context to the most special one."""
_NEAR = 48  # characters; nearly every text of this length has a letter that such typing loses
_EDGE = " "
_AT_A_TIME = 100  # contexts before the letter in one rule, whose length is limited
Contexts = dict[tuple[str, str], str]
"""Maps letters before and after a letter to the one that is meant."""


def learn(texts: Iterable[str], dropped: dict[str, str], gain: int) -> dict[str, Contexts]:
    """For each letter as typed, the contexts that decide which letter was meant.

    Args:
        texts: text in the usual spelling.
        dropped: maps each letter that such typing loses to the one that is typed, in both cases.
        gain: a context must correct at least this many letters more than it spoils.

    Returns:
        A map from a letter as typed to its contexts (letters before, letters after) and the letter meant there. Of the
        contexts that fit, the one of the latest shape in `SHAPES` decides.
    """
    small = {meant: shown for meant, shown in dropped.items() if meant.islower()}
    places: dict[str, Counter[tuple[str, str, str]]] = {shown: Counter() for shown in small.values() if len(shown) == 1}
    before, after = (max(shape[side] for shape in SHAPES) for side in (0, 1))
    for text in texts:
        signs = [sign if sign.isalpha() else _EDGE for sign in _lower(text, dropped)]
        parts = [small.get(sign, sign) for sign in signs]
        shown = _EDGE * before + "".join(parts) + _EDGE * after
        place = before
        for sign, part in zip(signs, parts, strict=True):
            if part in places:
                around = shown[place - before : place], shown[place + 1 : place + 1 + after]
                places[part][(*around, sign)] += 1
            place += len(part)
    return {letter: _contexts(found, letter, gain) for letter, found in places.items()}


def _contexts(found: Counter[tuple[str, str, str]], letter: str, gain: int) -> Contexts:
    guesses = dict.fromkeys(found, letter)
    contexts: Contexts = {}
    for left, right in SHAPES:
        counts: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
        for (before, after, meant), count in found.items():
            around = _within(before[len(before) - left :], after[:right])
            if around is not None:
                counts.setdefault(around, Counter())[meant, guesses[before, after, meant]] += count
        new = {}
        for around, seen in counts.items():
            by_letter: Counter[str] = Counter()
            for (meant, _), count in seen.items():
                by_letter[meant] += count
            best, most = by_letter.most_common(1)[0]
            if most - sum(count for (meant, guess), count in seen.items() if meant == guess) >= gain:
                new[around] = best
        contexts |= new
        for before, after, meant in found:
            around = _within(before[len(before) - left :], after[:right])
            if around in new:
                guesses[before, after, meant] = new[around]
    return contexts


def _within(before: str, after: str) -> tuple[str, str] | None:
    """A context; None if it would reach over the edge of the word, because a shorter one says the same."""
    return None if _EDGE in before[1:] or _EDGE in after[:-1] else (before, after)


def _lower(text: str, dropped: dict[str, str]) -> str:
    """Lower case of as many characters: i for İ, and ı for I in a language that has both."""
    if "ı" in dropped:
        text = text.replace("I", "ı")
    return text.replace("İ", "i").lower()


def lines(contexts: dict[str, Contexts], dropped: dict[str, str]) -> Iterator[str]:
    """The lines of a file of rules.

    Args:
        contexts: from `learn`.
        dropped: maps each letter that typing loses to the one that is typed, in both cases.
    """
    lost, typed = "".join(dropped), "".join(dict.fromkeys(shown for shown in dropped.values() if len(shown) == 1))
    yield f"when\t{typed}\t_(?!.{{0,{_NEAR}}}[{lost}])(?<![{lost}].{{1,{_NEAR + 1}}})"
    for focus in typed:
        own = contexts[_lower(focus, {})]
        meanings = [focus, *(meant for meant, letter in dropped.items() if letter == focus)]
        for shape in reversed(SHAPES):
            for meant in meanings:
                fitting = [
                    around for around, best in own.items() if best == _lower(meant, dropped) and _shape(around) == shape
                ]
                if focus.isupper():  # capitals inside a word are too rare to have rules
                    fitting = [(before, after) for before, after in fitting if before in ("", _EDGE)]
                rights: dict[str, list[str]] = {}
                for before, after in sorted(fitting):
                    rights.setdefault(before, []).append(_right(after, dropped, typed))
                parts = [_left(before, dropped, typed) + focus + _either(afters) for before, afters in rights.items()]
                for start in range(0, len(parts), _AT_A_TIME):
                    yield f"{'|'.join(parts[start : start + _AT_A_TIME])}\t{meant}"


def _left(before: str, dropped: dict[str, str], typed: str) -> str:
    """The lookbehind for the letters before; a word may begin with a capital."""
    if not before.startswith(_EDGE):
        return f"(?<={_classes(before, dropped)})" if before else ""
    letters = _classes(before[1:2], dropped, capitals=True) + _classes(before[2:], dropped)
    return f"(?<=^{letters}|[^\\p{{L}}{typed}]{letters})" if letters else f"(?<![\\p{{L}}{typed}])"


def _right(after: str, dropped: dict[str, str], typed: str) -> str:
    letters = _classes(after.strip(_EDGE), dropped)
    return f"{letters}(?![\\p{{L}}{typed}])" if after.endswith(_EDGE) else letters


def _either(afters: list[str]) -> str:
    return f"(?={'|'.join(afters)})" if any(afters) else ""


def _classes(text: str, dropped: dict[str, str], capitals: bool = False) -> str:
    """For each letter as typed, the class of the letters that may stand there."""
    found = []
    for letter in text:
        forms = [letter, *(meant for meant, shown in dropped.items() if shown == letter)]
        if capitals:
            forms += [letter.upper(), *(meant for meant, shown in dropped.items() if shown == letter.upper())]
        found.append(letter if len(forms) == 1 else f"[{''.join(dict.fromkeys(forms))}]")
    return "".join(found)


def _shape(around: tuple[str, str]) -> tuple[int, int]:
    return len(around[0]), len(around[1])


def main() -> None:
    """Print the rules of a language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", required=True, help="ISO 639-3; its file in trainer/recipes/typing is read")
    parser.add_argument("--text", required=True, type=Path, help="text of the language, one sentence a line")
    parser.add_argument("--limit", type=int, default=60_000, help="number of lines to learn from")
    parser.add_argument("--gain", type=int, default=20, help="letters that a context must correct")
    options = parser.parse_args()
    dropped = dict(read_rules(str(RECIPES / "typing" / f"{options.language}.tsv"), options.language, ""))
    # A text without any of the letters may itself have been typed so.
    usual = (text for text in read_lines(options.text) if not dropped.keys().isdisjoint(text))
    found = learn(islice(usual, options.limit), dropped, options.gain)
    sys.stdout.write("".join(f"{line}\n" for line in lines(found, dropped)))


if __name__ == "__main__":
    main()
