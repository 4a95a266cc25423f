"""Each composition in a few figures, side by side."""

from __future__ import annotations

from demo.comparison import Comparison, figures
from demo.views.heatmaps import limits
from demo.views.text import chip, escaped

_DOTS = 400
_SAYS = {
    "base": "One encoder, nothing added.",
    "modules": "A module a language: sharp alone.",
    "aligned": "Alignment on: languages meet.",
    "blend": "A mixture of alignment adapters.",
}


def summary_view(comparison: Comparison) -> str:
    """A card for every composition."""
    cards = []
    low = limits(comparison)[0]
    for number, column in enumerate(comparison.columns):
        facts = figures(comparison, number)
        parts = [f'<h3><span class="mse-number">{number + 1}</span> {escaped(column.title)}</h3>']
        parts.append(f'<p class="mse-says">{escaped(_SAYS[column.kind])}</p><dl>')
        if facts.asked:
            parts.append(_figure("translations found first", f"{facts.found}<small> of {facts.asked}</small>"))
        if facts.same and facts.other:
            same, other = sum(facts.same) / len(facts.same), sum(facts.other) / len(facts.other)
            parts.append(_figure("same meaning, mean", f"{same:.2f}"))
            parts.append(_figure("other meanings, mean", f"{other:.2f}"))
            parts.append(_figure("distance of the two", f"{same - other:.2f}"))
        parts.append("</dl>")
        if facts.same and facts.other:
            parts.append(_strip(facts.same, facts.other, low))
        if facts.still or facts.moved:
            order = comparison.languages
            still = " ".join(chip(code, order) for code in facts.still)
            moved = " ".join(chip(code, order) for code in facts.moved)
            lines = [f"the same to the last bit {still}"] if still else []
            lines += [f"moved {moved}"] if moved else []
            parts.append(f'<p class="mse-still">{"<br>".join(lines)}</p>')
        parts += [f'<p class="mse-note">{escaped(text)}.</p>' for text in comparison.notes(column)]
        cards.append(f'<section class="mse-card" aria-label="{escaped(column.title)}">{"".join(parts)}</section>')
    size = f"{len(comparison.rows)} sentences, {len(comparison.columns)} compositions"
    took = f", {comparison.seconds * 1000:.0f} ms" if comparison.seconds is not None else ""
    speed = f'<p class="mse-note mse-speed">{size}{took}</p>'
    return f'<div class="mse-cards">{"".join(cards)}</div>{speed}'


def _figure(name: str, value: str) -> str:
    """A figure; `value` is HTML of this module's own making."""
    return f"<div><dt>{escaped(name)}</dt><dd>{value}</dd></div>"


def _strip(same: list[float], other: list[float], low: float) -> str:
    """All pairs on a line from the lowest cosine to 1: those of the same meaning above, the others below."""

    def x(cosine: float) -> float:
        return 6 + (cosine - low) / ((1 - low) or 1) * 228

    above = "".join(f'<circle class="mse-strip-same" cx="{x(c):.1f}" cy="11" r="3.4"/>' for c in same[:_DOTS])
    below = "".join(f'<circle class="mse-strip-other" cx="{x(c):.1f}" cy="25" r="3.2"/>' for c in other[:_DOTS])
    says = f"{len(same)} pairs of the same meaning from {min(same):.2f}, {len(other)} others up to {max(other):.2f}"
    return (
        f'<svg class="mse-strip" viewBox="0 0 240 46" role="img" aria-label="{says}"><title>{says}</title>'
        f'<line x1="4" x2="236" y1="18" y2="18"/>{below}{above}<text x="4" y="43">{low:.2f} others ○</text>'
        '<text x="236" y="43" text-anchor="end">● same meaning 1</text></svg>'
    )
