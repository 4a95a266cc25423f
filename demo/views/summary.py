"""Each composition in a few figures, side by side."""

from __future__ import annotations

from demo.comparison import Comparison, figures
from demo.views.text import chip, escaped

_SAYS = {
    "base": "One encoder for all languages, nothing added.",
    "modules": "Each language through its own module: sharp alone.",
    "aligned": "Modules with alignment on: the languages meet.",
    "blend": "A mixture of alignment adapters.",
}


def summary_view(comparison: Comparison) -> str:
    """A card for every composition."""
    cards = []
    for number, column in enumerate(comparison.columns):
        facts = figures(comparison, number)
        parts = [f'<h3><span class="mse-number">{number + 1}</span> {escaped(column.title)}</h3>']
        parts.append(f'<p class="mse-says">{escaped(_SAYS[column.kind])}</p><dl>')
        if facts.asked:
            parts.append(_figure("translations found first", f"{facts.found}<small> of {facts.asked}</small>"))
        if facts.same is not None and facts.other is not None:
            parts.append(
                _figure(
                    "same meaning, cosine",
                    f"{facts.same:.2f}<small> others {facts.other:.2f}</small>",
                )
            )
            parts.append(_figure("gap between them", f"{facts.same - facts.other:.2f}"))
        parts.append("</dl>")
        if facts.still or facts.moved:
            order = comparison.languages
            still = " ".join(chip(code, order) for code in facts.still)
            moved = " ".join(chip(code, order) for code in facts.moved)
            if still:
                parts.append(f'<p class="mse-still">Not moved by a bit: {still}</p>')
            if moved:
                parts.append(f'<p class="mse-still">Moved: {moved}</p>')
        parts += [f'<p class="mse-note">{escaped(text)}.</p>' for text in comparison.notes(column)]
        cards.append(f'<section class="mse-card" aria-label="{escaped(column.title)}">{"".join(parts)}</section>')
    speed = (
        f'<p class="mse-note mse-speed">{len(comparison.rows)} sentences, {len(comparison.columns)} compositions, '
        f"{comparison.seconds * 1000:.0f} ms</p>"
    )
    return f'<div class="mse-cards">{"".join(cards)}</div>{speed}'


def _figure(name: str, value: str) -> str:
    """A figure; `value` is HTML of this module's own making."""
    return f"<div><dt>{escaped(name)}</dt><dd>{value}</dd></div>"
