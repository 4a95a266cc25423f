"""The page of an organisation: a table of the language modules and alignment adapters that it has published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from adapters_hub.cards.card import ENVIRONMENT
from adapters_hub.cards.markdown import plain
from adapters_hub.cards.metadata import public_source
from adapters_hub.format import AlignmentManifest, AnyManifest, LanguageModuleManifest, Score, scores_of
from adapters_hub.languages import autonym, language_name, same_language

_TASK = "sentence-similarity"


def render_collection(author: str, modules: Mapping[str, AnyManifest]) -> str:
    """The text of an organisation's `README.md`, from the manifests of its modules by repo."""
    adapters = {repo: manifest for repo, manifest in modules.items() if isinstance(manifest, AlignmentManifest)}
    shown = {
        repo: {
            "repo": repo,
            "language": language_name(adapter.language),
            "pivot": language_name(adapter.pivot),
            "name": f"{adapter.pivot}, {adapter.objective}",
            "size": adapter.size / 1e6,
            "scores": _scores(adapter, "aligned", 2),
        }
        for repo, adapter in sorted(adapters.items())
    }
    bases: dict[str, list[dict[str, object]]] = {}
    homeless = dict(shown)
    for repo, manifest in sorted(modules.items(), key=lambda item: (item[1].language, item[0])):
        if not isinstance(manifest, LanguageModuleManifest):
            continue
        own = [name for name in shown if adapters[name].target_fingerprint == manifest.fingerprint]
        homeless = {name: row for name, row in homeless.items() if name not in own}
        row = {
            "language": language_name(manifest.language),
            "autonym": autonym(manifest.language),
            "code": manifest.language,
            "repo": repo,
            "vocabulary": plain(manifest.vocabulary.get("strategy", "keep")),
            "size": manifest.size / 1e6,
            "scores": _scores(manifest, "modules", 1),
            "adapters": [shown[name] for name in own],
        }
        bases.setdefault(plain(public_source(manifest)) or "a base that is not published", []).append(row)
    text = ENVIRONMENT.get_template("collection.md").render(
        author=plain(author), bases=bases, homeless=homeless.values()
    )
    return text.rstrip() + "\n"


def _scores(manifest: AnyManifest, encoder: str, languages: int) -> str:
    """Mean scores of the base and of the module over the same benchmarks, as text."""
    pivot = manifest.pivot if isinstance(manifest, AlignmentManifest) else None
    fitting = [score for score in scores_of(manifest) if score.task == _TASK and len(score.languages) == languages]
    if pivot is not None:
        fitting = [score for score in fitting if any(same_language(pivot, code) for code in score.languages)]
    before, after = _mean(fitting, "base"), _mean(fitting, encoder)
    if after is None:
        return ""
    return f"{after:.1f}" if before is None else f"{before:.1f} → {after:.1f}"


def _mean(scores: Sequence[Score], encoder: str) -> float | None:
    values = [score.value for score in scores if score.encoder == encoder]
    return fmean(values) if values else None
