"""A summary of each composition in a few figures, side by side."""

from __future__ import annotations

from demo.compare.comparison import Comparison, figures
from demo.input.columns import Column
from demo.views.fragments import chip, escaped
from demo.views.heatmaps import limits

_DOTS = 400
_SAYS = {
    "base": "The base encoder, nothing added.",
    "modules": "A module per language, not aligned.",
    "aligned": "A module per language, aligned.",
    "blend": "A mixture of alignment adapters.",
}


def summary_view(comparison: Comparison) -> str:
    """A card for every composition: one large figure, all pairs on a line, notes, and the modules used."""
    low = limits(comparison)[0]
    cards = "".join(_card(comparison, number, low) for number in range(len(comparison.columns)))
    size = f"{len(comparison.rows)} sentences, {len(comparison.columns)} compositions"
    took = f", {comparison.seconds * 1000:.0f} ms" if comparison.seconds is not None else ""
    kind = f"mse-summary mse-of{len(comparison.columns)}"
    return f'<div class="{kind}">{cards}</div><p class="mse-note mse-speed">{size}{took}</p>'


def _card(comparison: Comparison, number: int, low: float) -> str:
    column, facts = comparison.columns[number], figures(comparison, number)
    title = escaped(column.title)
    parts = [
        f'<header><h2><span class="mse-number">{number + 1}</span> {title}</h2>'
        f'<p class="mse-says">{escaped(_SAYS[column.kind])}</p></header>'
    ]
    said = []
    if facts.same and facts.other:
        same, other = sum(facts.same) / len(facts.same), sum(facts.other) / len(facts.other)
        parts.append(
            f'<div class="mse-gap"><p><strong>{_signed(same - other)}</strong> closer if the meaning is the same</p>'
            f"{_strip(facts.same, facts.other, low)}</div>"
        )
        said.append(f"mean cosine {same:.2f} for the same meaning, {other:.2f} for others")
    if facts.asked:
        said.insert(0, f"{facts.found} of {facts.asked} translations ranked first")
    if said:
        parts.append(f'<p class="mse-note">{"; ".join(said)}</p>')
    if facts.still or facts.moved:
        order = comparison.languages
        named = (("changed by alignment", facts.moved), ("identical to the last bit", facts.still))
        lines = [f"{what} {' '.join(chip(code, order) for code in codes)}" for what, codes in named if codes]
        parts.append(f'<p class="mse-still">{"; ".join(lines)}</p>')
    parts += [f'<p class="mse-note">{escaped(text)}.</p>' for text in comparison.notes(column)]
    parts.append(_made_of(comparison, column))
    return f'<section class="mse-card" aria-label="{title}">{"".join(parts)}</section>'


def _signed(value: float) -> str:
    """A number with two decimals and a sign; zero has no sign."""
    return "0.00" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−")


def _made_of(comparison: Comparison, column: Column) -> str:
    """A list of the vocabulary, module and adapters of every language, with their revisions."""
    lines = []
    for code in comparison.languages:
        entry = None if column.kind == "base" else comparison.picks.modules.get(code)
        parts = ["the base and its vocabulary"]
        if entry is not None:
            parts = [f"{entry.vocabulary}, module {entry.short_commit}"]
            for name, weight in column.align(code, comparison.picks.objectives(code)).items():
                parts.append(f"{weight:g} × {name} {comparison.picks.adapters[code][name].short_commit}")
        lines.append(f"<li>{chip(code, comparison.languages)} {escaped(' + '.join(parts))}</li>")
    return f"<details><summary>Made of</summary><ul>{''.join(lines)}</ul></details>"


def _strip(same: list[float], other: list[float], low: float) -> str:
    """All pairs on a line from the lowest cosine to 1: pairs with the same meaning above it, the others below."""

    def x(cosine: float) -> float:
        return 6 + (cosine - low) / ((1 - low) or 1) * 228

    above = "".join(f'<circle class="mse-strip-same" cx="{x(c):.1f}" cy="7" r="3.4"/>' for c in same[:_DOTS])
    below = "".join(f'<circle class="mse-strip-other" cx="{x(c):.1f}" cy="21" r="3.2"/>' for c in other[:_DOTS])
    says = f"{len(same)} pairs with the same meaning from {min(same):.2f}, {len(other)} others up to {max(other):.2f}"
    return (
        f'<figure><svg class="mse-strip" viewBox="0 0 240 28" role="img" aria-label="{says}"><title>{says}</title>'
        f'<line x1="4" x2="236" y1="14" y2="14"/>{below}{above}</svg>'
        f'<figcaption><span>{low:.2f}</span><span><i class="mse-strip-same"></i> same '
        f'<i class="mse-strip-other"></i> other</span><span>1.00</span></figcaption></figure>'
    )
