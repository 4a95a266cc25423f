"""The nearest neighbours of every sentence, marked right or wrong, and the ranks of its translations."""

from __future__ import annotations

import numpy as np

from demo.compare.comparison import Comparison, translation_rank
from demo.views.fragments import chip, escaped, note, said

_NEAREST = 3
_MARKS = {
    True: '<span class="mse-mark mse-right" title="same meaning">✓</span>',
    False: '<span class="mse-mark mse-wrong" title="different meaning">✗</span>',
    None: "",
}


def neighbours_view(comparison: Comparison) -> str:
    """A table of ranks for every composition, then the nearest sentences of every row."""
    if len(comparison.rows) < 2:
        return note("A sentence alone has no neighbours: add a second one.")
    if any(row.meaning for row in comparison.rows):
        tables = "".join(_ranks(comparison, number) for number in range(len(comparison.columns)))
        top = f'<h3 class="mse-heading">Translations ranked first</h3><div class="mse-cards">{tables}</div>'
    else:
        top = note(
            "Give translations the same meaning (the narrow column of the table) to mark right and wrong neighbours."
        )
    nearest = "".join(_nearest(comparison, i) for i in range(len(comparison.rows)))
    heads = "".join(f'<th scope="col">{escaped(column.title)}</th>' for column in comparison.columns)
    return (
        f'{top}<h3 class="mse-heading">Nearest sentences</h3>'
        '<div class="mse-scroll" tabindex="0" role="region" aria-label="Nearest sentences">'
        f'<table class="mse-nearest"><thead><tr><th scope="col">Sentence</th>{heads}'
        f"</tr></thead><tbody>{nearest}</tbody></table></div>"
    )


def _ranks(comparison: Comparison, number: int) -> str:
    """A table of how many sentences of one language (rows) have their translation in another (columns) ranked first."""
    rows, cosines, order = comparison.rows, comparison.similarities[number], comparison.languages
    lines = []
    for source in order:
        cells = []
        for target in order:
            found = [translation_rank(rows, cosines, i, target) for i, row in enumerate(rows) if row.language == source]
            ranks = [rank for rank in found if rank is not None]
            if not ranks:
                cells.append('<td class="mse-none">·</td>')
                continue
            hits = sum(rank == 1 for rank in ranks)
            state = "right" if hits == len(ranks) else "wrong"
            # The mean rank shows how far down the translations are.
            rank = "" if state == "right" else f"<small>mean rank {sum(ranks) / len(ranks):.1f}</small>"
            cells.append(
                f'<td class="mse-{state}"><span aria-hidden="true">{"✓" if state == "right" else "✗"}</span> '
                f"{hits}/{len(ranks)}{rank}</td>"
            )
        lines.append(f'<tr><th scope="row">{chip(source, order)}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{chip(code, order)}</th>' for code in order)
    title = escaped(comparison.columns[number].title)
    return (
        f'<section class="mse-card"><table class="mse-ranks"><caption>{title}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></section>"
    )


def _nearest(comparison: Comparison, index: int) -> str:
    rows, order = comparison.rows, comparison.languages
    row = rows[index]
    cells = []
    for number in range(len(comparison.columns)):
        cosines = comparison.similarities[number][index].copy()
        cosines[index] = -np.inf
        items = []
        for j in np.argsort(-cosines, kind="stable")[: min(_NEAREST, len(rows) - 1)]:
            other = rows[int(j)]
            mark = _MARKS[row.same_meaning(other)]
            items.append(f"<li>{mark}{chip(other.language, order)} {said(other)} <small>{cosines[j]:.2f}</small></li>")
        cells.append(f"<td><ol>{''.join(items)}</ol></td>")
    return f'<tr><th scope="row">{chip(row.language, order)} {said(row)}</th>{"".join(cells)}</tr>'
