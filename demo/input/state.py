"""A view as text for a link: rows, compositions and modules, compressed, and checked when the link is opened."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from typing import Any

from demo.input.columns import Column
from demo.input.sentences import Row
from demo.limits.errors import DemoError

PARAMETER = "view"
MOST_CHARACTERS = 6000
"""Maximum length of a view in a link: chats and mails break longer links."""
_MOST_BYTES = 256 << 10
_BAD = "this link does not hold a view of this demo: it is incomplete, or from another site"


def pack(rows: Sequence[Row], columns: Sequence[Column], modules: Sequence[str] | None) -> str | None:
    """Text for a link; None if it would be too long.

    Args:
        rows: the sentences.
        columns: the compositions.
        modules: the modules' addresses; None: the default ones.
    """
    record: dict[str, Any] = {
        "rows": [[row.language, row.text, row.meaning, int(row.guessed)] for row in rows],
        "columns": [column.to_record() for column in columns],
    }
    if modules is not None:
        record["modules"] = list(modules)
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8"), 9)).decode().rstrip("=")
    return packed if len(packed) <= MOST_CHARACTERS else None


def unpack(text: str) -> dict[str, Any]:
    """The plain values `rows`, `columns` and `modules` (None: the default ones), which are not checked yet.

    Raises:
        DemoError: the text was not made by `pack`.
    """
    if len(text) > MOST_CHARACTERS:
        raise DemoError(f"this link has {len(text):,} characters, up to {MOST_CHARACTERS:,} are read: {_BAD}")
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        inflate = zlib.decompressobj()
        plain = inflate.decompress(data, _MOST_BYTES)  # bounded: a few bytes can expand to gigabytes
        if inflate.unconsumed_tail or not inflate.eof:
            raise DemoError(_BAD)
        record = json.loads(plain.decode("utf-8"))
    except (ValueError, binascii.Error, zlib.error, RecursionError):
        raise DemoError(_BAD) from None
    rows = record.get("rows") if isinstance(record, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 4 for row in rows):
        raise DemoError(_BAD)
    return {
        "rows": [dict(zip(("language", "text", "meaning", "guessed"), row, strict=True)) for row in rows],
        "columns": record.get("columns"),
        "modules": record.get("modules"),
    }
