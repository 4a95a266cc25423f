"""Rules that rewrite text, for a tokenizer that reads several scripts and spellings and for variants to train on.

A file of rules has three kinds of lines; empty lines and lines that start with # are ignored:

| line | meaning |
| --- | --- |
| `pattern<TAB>replacement` | replace what the regular expression matches |
| `when<TAB>letters<TAB>condition` | the rules that follow apply only to these letters, where the condition holds |
| `when` | the rules that follow apply everywhere again |
| `include<TAB>file` | the lines of another file, its path being relative to this one's folder |

A condition is a regular expression in which `_` is the letter: `_(?!.{0,40}[а-я])(?<![а-я].{1,41})` holds where no
Cyrillic letter is near. It is decided for all letters before the first of its rules changes one. Letters beside one for
which it holds count as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, normalizers

from adapters_hub.reading import read_text
from trainer.settings import SettingsError, fill

Rules = Sequence[tuple[str, str]]
"""Pairs (regular expression, replacement), which apply one after the other."""
_WHEN, _INCLUDE, _LETTER = "when", "include", "_"
_LOOKAROUNDS = ("(?=", "(?!", "(?<=", "(?<!")
_FIRST_MARK = 0xE000
"""Start of Unicode's private use area. Letters for which a condition holds are replaced by characters from there until
all rules have been applied, so that what the rules write can neither meet nor break the condition."""
_TOKEN = re.compile(r"\\[pP]\{[^}]*\}|\\.|\(\?<?[=!:]|\{[\d,]+\}|.", re.DOTALL)


def read_rules(template: str, language: str, pivot: str, setting: str = "vocabulary.rewrite") -> list[tuple[str, str]]:
    """The rules in a language's file, with conditions translated into rules.

    There are no rules if the template is empty, or if it contains `{language}` and the file does not exist.

    Args:
        template: path of the file.
        language: replaces `{language}`.
        pivot: replaces `{pivot}`.
        setting: name of the setting, for the error message.

    Raises:
        SettingsError: the file is missing, or a line is neither a rule nor a condition.
    """
    path = Path(fill(template, language, pivot))
    if not template or ("{language}" in template and not path.is_file()):
        return []
    if not path.exists():
        raise SettingsError(f"rules file {str(path)!r} does not exist: check {setting} in the recipe")
    return _compiled(path)


def _compiled(path: Path) -> list[tuple[str, str]]:
    """The rules of a file, with conditions translated into rules."""
    rules: list[tuple[str, str]] = []
    marks: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split("\t")
        try:
            if parts[0] == _WHEN:
                if len(parts) not in (1, 3):
                    raise ValueError(f"{len(parts)} columns")
                rules += [(mark, letter) for letter, mark in marks.items()]
                marks = {letter: chr(_FIRST_MARK + place) for place, letter in enumerate("".join(parts[1:2]))}
                condition = _translated("".join(parts[2:]), marks, whole=True)
                if marks and _LETTER not in condition:
                    raise ValueError(f"a condition without {_LETTER}")
                new = [(condition.replace(_LETTER, letter), mark) for letter, mark in marks.items()]
                near = "".join(marks.values())
                new += [(f"{letter}(?=[{near}])|(?<=[{near}]){letter}", mark) for letter, mark in marks.items()]
            elif parts[0] == _INCLUDE and len(parts) == 2 and not marks:
                new = _compiled(path.parent / parts[1])
            elif len(parts) == 2:
                new = [(_translated(parts[0], marks, whole=False), parts[1])]
            else:
                raise ValueError(f"{len(parts)} columns")
            for pattern, _ in new:
                Regex(pattern)
        except SettingsError:
            raise
        except Exception as error:  # tokenizers raises plain exceptions
            raise SettingsError(
                f"{path}, line {number}: expected a regular expression, a tab and its replacement; found {error}"
            ) from error
        rules += new
    return rules + [(mark, letter) for letter, mark in marks.items()]


def normalizer(rules: Rules) -> normalizers.Sequence:
    """The rules as steps of a tokenizer; its `normalize_str` rewrites a text."""
    return normalizers.Sequence([normalizers.Replace(Regex(pattern), new) for pattern, new in rules])


def _translated(pattern: str, marks: dict[str, str], whole: bool) -> str:
    """A regular expression in which marked letters stand for themselves.

    In lookarounds a letter also matches where it is not marked, because the letters around the one that a rule changes
    need not meet the condition. Ranges in character classes are written out if they contain a marked letter.

    Args:
        pattern: the regular expression.
        marks: the mark of each letter.
        whole: treat the whole expression as a lookaround.
    """
    result, inside, looks = "", False, [whole]
    tokens = _TOKEN.findall(pattern)
    while tokens:
        token = tokens.pop(0)
        if inside and len(token) == 1 and len(tokens) > 1 and tokens[0] == "-" and tokens[1] != "]":
            span = [chr(code) for code in range(ord(token), ord(tokens[1]) + 1)]
            if marks.keys() & set(span):
                tokens[:2] = span[1:]
            else:
                token += tokens.pop(0) + tokens.pop(0)
        if token in marks:
            form = token + marks[token] if looks[-1] else marks[token]
            token = form if inside or len(form) == 1 else f"[{form}]"
        elif not inside and token.startswith("("):
            looks.append(looks[-1] or token in _LOOKAROUNDS)
        elif token == ")" and not inside and len(looks) > 1:
            looks.pop()
        inside = token == "[" or (inside and token != "]")
        result += token
    return result
