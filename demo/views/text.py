"""Text from outside in HTML: escaped, isolated from the writing direction of what is around it, named by language."""

from __future__ import annotations

import html

from demo.sentences import Row


def escaped(value: object) -> str:
    """Text that stands for itself in HTML, in elements and in quoted attributes."""
    return html.escape(str(value), quote=True)


def said(row: Row) -> str:
    """A sentence, in its own writing direction."""
    return f'<bdi dir="auto" lang="{escaped(row.language.replace("_", "-"))}">{escaped(row.text)}</bdi>'


def chip(language: str, order: list[str]) -> str:
    """The code of a language, in its colour."""
    return f'<span class="mse-chip mse-l{hue(language, order)}">{escaped(language)}</span>'


def hue(language: str, order: list[str]) -> int:
    """Which of the eight colours a language has, by its place among the languages on the page."""
    return order.index(language) % 8 if language in order else 7


def label(rows: list[Row], index: int) -> str:
    """A short name of a row: its language and its meaning, or its number."""
    row = rows[index]
    return f"{row.language} {row.meaning or index + 1}"
