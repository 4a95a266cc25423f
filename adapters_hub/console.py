"""Print text that others may have written to deceive a terminal: without control characters and line breaks."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Sequence

import typer


def say(text: str) -> None:
    """Print a line."""
    typer.echo(_printable(text))


def tell(text: str) -> None:
    """Print a line on standard error."""
    typer.echo(_printable(text), err=True)


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells in columns that line up."""
    rows = [[_printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def prepare_streams() -> None:
    """Print log messages as safely, and escape characters that the terminal cannot write, as in names of languages."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _printable(text: str) -> str:
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in text)


class _Printable(logging.Formatter):
    """A log formatter whose messages are safe to print."""

    def format(self, record: logging.LogRecord) -> str:
        """The message as one printable line."""
        return _printable(super().format(record))
