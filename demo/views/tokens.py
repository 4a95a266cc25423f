"""The tokens of a sentence under the base's tokenizer and under its language module's."""

from __future__ import annotations

from demo.compare.entries import Picks
from demo.compare.workbench import Piece, Workbench
from demo.input.sentences import Row, languages_of
from demo.views.fragments import chip, escaped, said

_WHITESPACE = "▁Ġ"


def tokens_view(bench: Workbench, rows: list[Row], picks: Picks) -> str:
    """The tokens of every sentence, under the base's tokenizer and under the module's.

    Raises:
        AdaptersHubError: a module cannot be loaded.
    """
    order = languages_of(rows)
    heads = "".join(_vocabulary(code, picks, order) for code in order)
    items = []
    for row in rows:
        base = bench.tokens(row.text, None, picks)
        lines = [_line("base", base)]
        if row.language in picks.modules:
            lines.append(_line("module", bench.tokens(row.text, row.language, picks), base))
        items.append(f'<li><p class="mse-sentence">{chip(row.language, order)} {said(row)}</p>{"".join(lines)}</li>')
    return f'<div class="mse-vocabularies">{heads}</div><ul class="mse-tokens">{"".join(items)}</ul>'


def _vocabulary(code: str, picks: Picks, order: list[str]) -> str:
    entry = picks.modules.get(code)
    what = "no module: choose one under Modules" if entry is None else entry.vocabulary
    return f"<span>{chip(code, order)} {escaped(what)}</span>"


def _line(name: str, pieces: list[Piece], base: list[Piece] | None = None) -> str:
    count = f"{len(pieces)} token{'' if len(pieces) == 1 else 's'}"
    if (counting := sum(piece.counts for piece in pieces)) < len(pieces):
        count += f", {counting} read"
    if pieces == base:
        count += ", the same"
    shown = "".join(_token(piece) for piece in pieces)
    return (
        f'<div class="mse-cut"><span class="mse-cut-name">{name}<small>{count}</small></span>'
        f'<span class="mse-cut-pieces" dir="auto">{shown}</span></div>'
    )


def _token(piece: Piece) -> str:
    kind, says = "", ""
    if not piece.counts:
        kind, says = " mse-beyond", ' title="beyond the tokens that are read"'
    elif not piece.known:
        kind, says = " mse-unknown", ' title="not in the vocabulary"'
    return f'<span class="mse-token{kind}"{says}>{escaped(_visible(piece.text))}</span>'


def _visible(text: str) -> str:
    """A token without the sign for a space before it, because the gap between tokens shows it."""
    return text.strip().strip(_WHITESPACE) or "␣"
