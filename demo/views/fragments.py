"""The HTML that several views use: text from outside, which is escaped here, languages, notices and source code."""

from __future__ import annotations

import functools
import html

from adapters_hub.languages import hub_code
from demo.input.sentences import Row

_COLOURS = 8
_MARK_LENGTH = 3
_USUAL = ("eng", "deu", "tur", "rus", "kaz")


def escaped(value: object) -> str:
    """Text escaped for HTML elements and quoted attributes."""
    return html.escape(str(value), quote=True)


def said(row: Row) -> str:
    """A sentence, in its own writing direction."""
    script = row.language.partition("_")[2]
    tag = hub_code(row.language) + (f"-{script}" if script else "")
    return f'<bdi dir="auto" lang="{escaped(tag)}">{escaped(row.text)}</bdi>'


def chip(language: str, order: list[str]) -> str:
    """The code of a language, in its colour."""
    return f'<span class="mse-chip mse-l{hue(language, order)}">{escaped(language)}</span>'


def hue(language: str, order: list[str]) -> int:
    """The number of a language's colour, of eight, among the languages on the page: its usual one if that is free."""
    return _hues(tuple(order)).get(language, _COLOURS - 1)


@functools.lru_cache(maxsize=256)
def _hues(order: tuple[str, ...]) -> dict[str, int]:
    given: dict[str, int] = {}
    for language in sorted(order, key=lambda code: (code not in _USUAL, order.index(code))):
        free = [number for number in range(_COLOURS) if number not in given.values()] or list(range(_COLOURS))
        usual = _USUAL.index(language) if language in _USUAL else free[0]
        given[language] = usual if usual in free else free[0]
    return given


def marks(rows: list[Row]) -> list[str]:
    """A short mark for the meaning of each row; rows with the same meaning have the same mark.

    Long meanings, such as identifiers from a file, are numbered. A row without a meaning gets its own row number.
    """
    named = list(dict.fromkeys(row.meaning for row in rows if row.meaning))
    numbered = any(len(meaning) > _MARK_LENGTH for meaning in named)
    return [
        (str(named.index(row.meaning) + 1) if numbered else row.meaning) if row.meaning else str(number)
        for number, row in enumerate(rows, start=1)
    ]


def label(rows: list[Row], index: int) -> str:
    """A short name of a row: its language and its mark."""
    return f"{rows[index].language} {marks(rows)[index]}"


def error_notice(message: object) -> str:
    """An error, which screen readers read out at once."""
    return (
        f'<div class="mse-notice mse-error" role="alert"><strong>That did not work.</strong> {escaped(message)}</div>'
    )


def empty_notice(what: str, action: str) -> str:
    """A notice of what is missing, and what to do."""
    return f'<div class="mse-notice mse-empty"><strong>{escaped(what)}</strong> {escaped(action)}</div>'


def note(text: str) -> str:
    """A remark."""
    return f'<p class="mse-note">{escaped(text)}</p>'


def program_view(program: str) -> str:
    """The Python program that reproduces a view, to read and to copy."""
    return (
        '<h3 class="mse-heading">The Python program for this view</h3><div class="mse-program">'
        '<button type="button" class="mse-copy">Copy</button>'
        f'<pre tabindex="0" role="region" aria-label="Python" dir="ltr"><code>{escaped(program)}</code></pre></div>'
    )
