"""How the base and the module of a language cut a sentence into tokens."""

from __future__ import annotations

from demo.catalog import Picks
from demo.sentences import Row, languages_of
from demo.views.text import chip, escaped, said
from demo.workbench import Workbench

_WHITESPACE = "▁Ġ"


def tokens_view(bench: Workbench, rows: list[Row], picks: Picks) -> str:
    """Every sentence, twice: under the base's tokenizer and under the module's.

    Raises:
        AdaptersHubError: a module cannot be loaded.
    """
    order = languages_of(rows)
    items = []
    for row in rows:
        base = bench.tokens(row.text, None, picks)
        lines = [_line("base", base)]
        entry = picks.modules.get(row.language)
        if entry is None:
            lines.append('<p class="mse-note">No module for this language: choose one under Modules.</p>')
        else:
            facts = entry.manifest.vocabulary  # type: ignore[union-attr]
            strategy = facts.get("strategy")
            own = "vocabulary" in entry.manifest.components  # type: ignore[union-attr]
            lines.append(_line("module", bench.tokens(row.text, row.language, picks)))
            what = f"vocabulary: {strategy or 'its own'}, {_count(facts.get('size'))}" if own else "the base's vocabulary"
            lines.append(f'<p class="mse-note">{escaped(what)}</p>')
        items.append(
            f'<li><p class="mse-sentence">{chip(row.language, order)} {said(row)}</p>{"".join(lines)}</li>'
        )
    return f'<ul class="mse-tokens">{"".join(items)}</ul>'


def _line(name: str, pieces: list[tuple[str, bool]]) -> str:
    shown = "".join(
        f'<span class="mse-token{"" if known else " mse-unknown"}"'
        f'{"" if known else " title=" + chr(34) + "not in the vocabulary" + chr(34)}>{escaped(_visible(text))}</span>'
        for text, known in pieces
    )
    count = f"{len(pieces)} token{'' if len(pieces) == 1 else 's'}"
    return (
        f'<div class="mse-cut"><span class="mse-cut-name">{name}<small>{count}</small></span>'
        f'<span class="mse-cut-pieces" dir="auto">{shown}</span></div>'
    )


def _visible(text: str) -> str:
    """A piece without the sign for a space before it; the gap between pieces says as much."""
    return text.strip().strip(_WHITESPACE) or "␣"


def _count(size: object) -> str:
    return f"{size:,} tokens" if isinstance(size, int) else "size not stated"
