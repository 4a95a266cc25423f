"""The rows to compare: read from the table, pasted lines or files, and checked against the limits."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adapters_hub.errors import AdaptersHubError
from adapters_hub.languages import check_language, find_language
from adapters_hub.texts import Empty, canonical, numbered
from demo.input.guessing import guess_language
from demo.limits.errors import DemoError
from demo.limits.settings import Limits

_TAG = re.compile(r"\s*([a-z]{3}(?:_[A-Z][a-z]{3})?)\s*(?::\s|\|)\s*(?=\S)")
_TEXT_NAMES = ("text", "sentence", "sentences")
_LANGUAGE_NAMES = ("language", "lang", "iso639-3", "code")
_MEANING_NAMES = ("meaning", "group", "id")
_MEANING_LENGTH = 40
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Row:
    """A sentence to compare.

    Attributes:
        language: ISO 639-3.
        text: the sentence.
        meaning: a label that translations and paraphrases of each other share; empty: unknown.
        guessed: whether the language is a guess.
    """

    language: str
    text: str
    meaning: str = ""
    guessed: bool = False

    def same_meaning(self, other: Row) -> bool | None:
        """Whether another sentence has the same meaning; None if that is unknown."""
        return self.meaning == other.meaning if self.meaning and other.meaning else None

    def to_record(self) -> dict[str, Any]:
        """Plain values for the table."""
        return {"language": self.language, "text": self.text, "meaning": self.meaning, "guessed": self.guessed}


def clean(text: object) -> str:
    """Text on one line, without control characters, overrides of the writing direction or lone surrogates.

    Characters that join letters (such as U+200C in Persian) stay.
    """
    joined = " ".join(str(text).split())
    kept = (c for c in joined if unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Co") and c not in _DIRECTIONS)
    return canonical("".join(kept)).strip()


def check_rows(records: object, limits: Limits, offered: Sequence[str] = ()) -> list[Row]:
    """Check the rows of the table, of a link or of the API; empty ones are left out.

    Args:
        records: mappings with `text`, and optionally `language` (guessed if missing), `meaning` and `guessed`.
        limits: the demo's limits.
        offered: languages with a module, which guesses prefer.

    Raises:
        DemoError: there are too many rows, or one is too long or not of this form.
    """
    if not isinstance(records, list | tuple):
        raise DemoError(f"expected a list of rows with language and text, found {type(records).__name__}")
    if len(records) > 4 * limits.rows:
        raise _too_many(len(records), limits)
    rows = []
    for number, record in enumerate(records, start=1):
        if not isinstance(record, Mapping):
            raise DemoError(f"row {number}: expected language and text, found {type(record).__name__}")
        raw = str(record.get("text") or "")
        if len(raw) > limits.characters:
            raise DemoError(
                f"row {number} has {len(raw):,} characters, up to {limits.characters} are allowed: shorten or split it"
            )
        text = clean(raw)
        if not text:
            continue
        code = str(record.get("language") or "")
        code = find_language(code, offered) or code
        if code:
            try:
                check_language(code)
            except AdaptersHubError as error:
                raise DemoError(f"row {number}: {error}") from None
        meaning = clean(record.get("meaning") or "")
        if len(meaning) > _MEANING_LENGTH:  # refused, not truncated: two meanings could become the same
            raise DemoError(
                f"row {number}: the meaning has {len(meaning):,} characters, up to {_MEANING_LENGTH} are allowed: "
                "a number is enough"
            )
        guessed = bool(record.get("guessed")) or not code
        rows.append(Row(code or guess_language(text, offered), text, meaning, guessed))
    if len(rows) > limits.rows:
        raise _too_many(len(rows), limits)
    return rows


def read_lines(text: str, limits: Limits, offered: Sequence[str] = ()) -> list[Row]:
    """Read pasted text, one sentence per line; `deu: …` or `deu | …` sets the language, which is guessed otherwise.

    A line from a spreadsheet, with tabs between cells, may have the language in any cell, and a meaning after the
    sentence, or before it if the meaning is a number.

    Raises:
        DemoError: there is no text, too much text, a line that is too long, or a cell that is none of these.
    """
    if len(text) > limits.rows * (limits.characters + 16) * 2:
        raise DemoError(f"too much text ({len(text):,} characters): paste up to {limits.rows} lines")
    records = [_record(line, number) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not records:
        raise DemoError("there is no text: write or paste one sentence per line")
    return check_rows(records, limits, offered)


def read_file(
    name: str, content: bytes, limits: Limits, offered: Sequence[str] = (), empty: Empty = "error"
) -> list[Row]:
    """Read a CSV or TSV file with a header: `text`, and optionally `language` and `meaning`; or a column per language.

    Args:
        name: the file's name.
        content: the file's content.
        limits: the demo's limits.
        offered: languages with a module, which guesses prefer.
        empty: how to treat cells without text: `error` reports their lines, `missing` leaves them out.

    Raises:
        DemoError: the file is too large, is not UTF-8, lacks such columns, or has empty cells.
    """
    header, lines = read_table(name, content, limits)
    codes = [(at, code) for at, code in enumerate(map(_as_code, header)) if _is_language(code)]
    text = find_column(header, _TEXT_NAMES)
    if text is not None:
        code, meaning = find_column(header, _LANGUAGE_NAMES), find_column(header, _MEANING_NAMES)
        records: list[dict[str, Any]] = [
            {
                "text": cell(line, text),
                "language": cell(line, code).strip(),
                "meaning": cell(line, meaning).strip(),
                "line": number,
            }
            for number, line in lines
        ]
    elif codes:
        # All cells of a line are translations of each other: its number is their meaning.
        records = [
            {"text": cell(line, at), "language": code, "meaning": str(count), "line": number}
            for count, (number, line) in enumerate(lines, start=1)
            for at, code in codes
        ]
    else:
        raise DemoError(
            f"expected a column 'text' (optionally also 'language' and 'meaning'), or one column per language, such as "
            f"'deu', found {', '.join(header)[:120] or 'none'}: add a header line"
        )
    if empty == "error":
        check_cells((record["line"], record["text"]) for record in records)
    rows = check_rows(records, limits, offered)
    if not rows:
        raise DemoError(f"{_short(name)} has a header but no sentences: add a row")
    return rows


def find_column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """The place of the first of these names in the header of a table; None if none is there."""
    folded = [column.strip().casefold() for column in header]
    return next((folded.index(name) for name in names if name in folded), None)


def check_cells(cells: Iterable[tuple[int, str]]) -> None:
    """Refuse cells of a file that hold no text.

    Args:
        cells: the line number and the text of each cell.

    Raises:
        DemoError: names the lines.
    """
    if without := list(dict.fromkeys(line for line, text in cells if not clean(text))):
        lines = f"line {without[0]}" if len(without) == 1 else f"lines {numbered(without)}"
        raise DemoError(f"{lines}: no text: add it, or choose to leave out empty cells")


def read_table(name: str, content: bytes, limits: Limits) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read the header of a CSV or TSV file, and its rows with the number of each row's last line; skip blank rows.

    Raises:
        DemoError: the file is too large, is not UTF-8, or is not a table.
    """
    if len(content) > limits.file_bytes:
        raise DemoError(
            f"{_short(name)} has {len(content) / 1e6:.1f} MB, up to {limits.file_bytes / 1e6:.1f} MB are allowed: "
            "upload a part of it"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DemoError(f"{_short(name)} is not UTF-8 text: save it as CSV or TSV in UTF-8") from None
    if "\0" in text:
        raise DemoError(f"{_short(name)} is not a text file: save it as CSV or TSV in UTF-8")
    first = text.partition("\n")[0]
    delimiter = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" and '"' not in first else csv.QUOTE_MINIMAL
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, quoting=quoting)
        lines = [(reader.line_num, line) for line in reader if any(map(str.strip, line))]
    except csv.Error as error:
        raise DemoError(f"{_short(name)} cannot be read as a table ({error}): save it as CSV or TSV") from None
    if not lines:
        raise DemoError(f"{_short(name)} is empty: expected a header line and rows")
    return lines[0][1], lines[1:]


def _record(line: str, number: int) -> dict[str, Any]:
    """The language, sentence and meaning of a pasted line, for `check_rows`."""
    cells = [cell.strip() for cell in line.split("\t") if cell.strip()]
    if (tag := _TAG.match(cells[0])) and _is_language(tag.group(1)):
        cells[:1] = [tag.group(1), cells[0][tag.end() :]]
    code = next((cell for cell in cells if _is_language(cell)), "") if len(cells) > 1 else ""
    if code:
        cells.remove(code)
    words = [cell for cell in cells if any(character.isalpha() for character in cell)]
    if len(cells) > 2 or (len(words) > 1 and not code):
        raise DemoError(
            f"line {number}: expected a sentence, and at most its language (such as deu) and then its meaning, found "
            f"{len(cells) + bool(code)} cells: paste only these, or upload a table with a header"
        )
    text = words[0] if words else cells[0]
    cells.remove(text)
    return {"language": code, "text": text, "meaning": "".join(cells)}


def _as_code(column: str) -> str:
    """A column name as a language code: in lower case, with a capital letter in the script."""
    language, bar, script = column.strip().casefold().partition("_")
    return f"{language}{bar}{script.capitalize()}"


def cell(line: Sequence[str], column: int | None) -> str:
    """The cell of a row; empty if the row is too short, or there is no such column."""
    return line[column] if column is not None and column < len(line) else ""


def _short(name: str) -> str:
    return clean(name.replace("\\", "/").rpartition("/")[2])[:60] or "the file"


def _is_language(code: str) -> bool:
    try:
        return bool(check_language(code))
    except AdaptersHubError:
        return False


def _too_many(count: int, limits: Limits) -> DemoError:
    return DemoError(f"{count:,} rows, up to {limits.rows} can be compared at once: use a part of them")


def languages_of(rows: Iterable[Row]) -> list[str]:
    """The languages of rows, in the order of first appearance."""
    return list(dict.fromkeys(row.language for row in rows))
