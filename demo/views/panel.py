"""The module panel: the composed modules with their sizes, scores, and memory and loading time here."""

from __future__ import annotations

from adapters_hub.format import AlignmentManifest, Score
from adapters_hub.languages import autonym, language_name
from demo.compare.entries import Entry, Picks
from demo.compare.workbench import Loaded, Workbench
from demo.views.fragments import chip, empty_notice, escaped

_SCORES = 6


def panel_view(bench: Workbench, picks: Picks) -> str:
    """A card for the base, and one for every composed language."""
    if not picks.modules:
        return empty_notice("No modules are composed.", "Search for some above, tick them and press Compose.")
    loaded, order = bench.loaded, list(picks.modules)
    cards = [_base(bench)]
    for code, entry in picks.modules.items():
        cards.append(_card(entry, picks.adapters.get(code, {}), loaded.get(code), order))
    kept = sum(part.size for item in loaded.values() for part in (item, *item.adapters.values()))
    return (
        f'<div class="mse-cards mse-modules">{"".join(cards)}</div>'
        f'<p class="mse-note">{len(loaded)} languages in memory, {kept / 1e6:.0f} MB in addition to the base; '
        "the least recently used is unloaded first.</p>"
    )


def _base(bench: Workbench) -> str:
    base = bench.encoder.base
    facts = [
        ("name", escaped(_public(base.source))),
        ("made from", escaped(base.hub_id or "not stated")),
        ("vocabulary", f"{len(base.tokenizer):,} tokens"),
        ("vectors", f"{base.dimension} dimensions"),
        ("memory", f"{bench.base_bytes / 1e6:.0f} MB"),
    ]
    return (
        '<section class="mse-card"><h3>Base encoder</h3><p class="mse-says">Frozen, shared by all modules.</p>'
        f"{_facts(facts)}</section>"
    )


def _card(entry: Entry, adapters: dict[str, Entry], here: Loaded | None, order: list[str]) -> str:
    manifest = entry.manifest
    words = getattr(manifest, "vocabulary", {}).get("tokens_per_word")
    facts = [
        ("module", f"{escaped(entry.repo)} <code>{escaped(entry.short_commit)}</code>"),
        ("vocabulary", escaped(entry.vocabulary)),
        ("on disk", f"{manifest.size / 1e6:.1f} MB"),
        ("licence", escaped(manifest.license or "not stated")),
        ("here", _here(entry, here)),
    ]
    if isinstance(words, int | float):
        facts.insert(2, ("tokens per word", f"{words:.2f}"))
    lines = [_adapter(name, adapter, here.adapters.get(name) if here else None) for name, adapter in adapters.items()]
    scores = _scores(entry) + "".join(_scores(adapter) for adapter in adapters.values())
    name, itself = language_name(entry.language), autonym(entry.language)
    return (
        f'<section class="mse-card"><h3>{chip(entry.language, order)} {escaped(name)} '
        f'<small><bdi dir="auto">{escaped(itself if itself != name else "")}</bdi></small></h3>'
        f"{_facts(facts)}<h4>Alignment</h4>"
        f"{''.join(lines) or '<p class=mse-note>No adapter: this is the pivot, or not aligned yet.</p>'}"
        f"{scores}</section>"
    )


def _adapter(name: str, entry: Entry, here: Loaded | None) -> str:
    manifest = entry.manifest
    assert isinstance(manifest, AlignmentManifest)
    return (
        f'<p class="mse-adapter"><strong>{escaped(name)}</strong> to {escaped(manifest.pivot)}, {escaped(entry.repo)} '
        f"<code>{escaped(entry.short_commit)}</code>"
        f"<small>{manifest.size / 1e6:.1f} MB; {_here(entry, here)}</small></p>"
    )


def _here(entry: Entry, here: Loaded | None) -> str:
    if here is None or here.address != entry.address:  # or another visitor's is in its place
        return "not in memory: loaded when it is used"
    return f"{here.size / 1e6:.1f} MB in memory, loaded in {here.seconds:.2f}&nbsp;s"


def _scores(entry: Entry) -> str:
    """The scores on a module's card, those of the test split first."""
    scores = [Score.from_record(record) for record in entry.manifest.metrics]
    rows: dict[tuple[str, str, str], dict[str, float]] = {}
    for score in sorted(scores, key=lambda score: score.split != "test"):
        rows.setdefault((score.benchmark, "–".join(score.languages), score.metric), {})[score.encoder] = score.value
    if not rows:
        return ""
    names = [name for name in ("base", "modules", "aligned") if any(name in values for values in rows.values())]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{escaped(benchmark)}, {escaped(languages)}, {escaped(metric)}</th>'
        + "".join(f"<td>{values[name]:.3g}</td>" if name in values else "<td></td>" for name in names)
        + "</tr>"
        for (benchmark, languages, metric), values in list(rows.items())[:_SCORES]
    )
    return (
        f'<details><summary>Scores of {escaped(entry.repo)}</summary><table class="mse-scores"><thead><tr><td></td>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


def _facts(facts: list[tuple[str, str]]) -> str:
    """A list of names and values; the values are HTML that this file has made."""
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts) + "</dl>"


def _public(source: str) -> str:
    """The name of a base; for a local folder, the last part of its path."""
    return source.rstrip("/").rpartition("/")[2] if source.startswith(("/", ".")) else source
