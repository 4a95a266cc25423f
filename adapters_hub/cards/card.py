"""The card of a module, made from its records: what it is, what it is for, how it was trained and how good it is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jinja2
from huggingface_hub import ModelCard

from adapters_hub.cards.markdown import plain
from adapters_hub.cards.metadata import CITATION, PAPER, card_data, library_link, model_name, public_source
from adapters_hub.cards.sentences import name_in, sentences_of
from adapters_hub.format import AlignmentManifest, AnyManifest, LanguageModuleManifest, Score, score_table, scores_of
from adapters_hub.languages import autonym, language_name
from adapters_hub.requirements import BASE_EXTRAS

Described = TypeVar("Described", bound=AnyManifest)
ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # the output is Markdown, from the publisher's own records
)
ENVIRONMENT.globals |= {"citation": CITATION, "library": library_link, "paper_page": PAPER}
_SEAL = "\n<!-- Made from the module's records; the next push replaces it. "
_OBJECTIVES = {
    "paraphrase": "contrastive loss on paraphrase pairs, best for graded similarity",
    "parallel": "cosine loss on translations, best for transfer and bitext mining",
    "both": "batches of paraphrases and translations alternate, a balance of both",
    "graded": "a sentence becomes as similar to every pivot sentence as its translation is",
    "balanced": "graded and parallel alternate: graded similarity, with translations close to each other",
}
_TEACHERS = {"base": "the untouched base encoder", "module": "the pivot's module"}
_PHASES = {
    "vocabulary": "vocabulary",
    "la": "language adaptation",
    "se": "sentence encoding",
    "cla": "cross-lingual alignment",
}


@dataclass(frozen=True)
class Link:
    """A module that a card refers to.

    Attributes:
        language: ISO 639-3.
        fingerprint: the fingerprint that it must have.
        repo: `org/name`; None if it is not known where it is published.
    """

    language: str
    fingerprint: str
    repo: str | None


def render_card(manifest: AnyManifest, repo: str, links: Mapping[str, Link] | None = None) -> str:
    """The text of `README.md`, which begins with the metadata block.

    Args:
        manifest: the module's manifest; its `metrics` become the results.
        repo: `org/name` where it is published.
        links: the two modules of an alignment adapter, as `target` and `pivot`.
    """
    adapter = manifest if isinstance(manifest, AlignmentManifest) else None
    scores = scores_of(manifest)
    data = list(data_rows(manifest.training.get("data")))
    metadata = card_data(manifest, scores, sorted({row["dataset"] for row in data if row["dataset"]}))
    # The metadata is YAML, whose writer quotes text; everything else is Markdown.
    manifest, data, scores = as_markdown(manifest), plain(data), plain(scores)
    training = manifest.training
    settings: dict[str, Any] = training.get("settings", {})
    body = ENVIRONMENT.get_template(f"{manifest.kind}.md").render(
        manifest=manifest,
        repo=repo,
        title=model_name(manifest),
        language=language_name(manifest.language),
        autonym=autonym(manifest.language),
        pivot=language_name(adapter.pivot) if adapter else None,
        objective=_OBJECTIVES[adapter.objective] if adapter else None,
        sentences=[json.dumps(text, ensure_ascii=False) for text in _example(manifest)],
        links=links or {},
        base=public_source(manifest),
        install=_install(public_source(manifest)),
        base_text=base_text(manifest),
        **_vocabulary(manifest),
        rules=settings.get("vocabulary", {}).get("rules", 0),
        learning=_learning(settings, training.get("phases", {}), "cla" if adapter else "se"),
        start_adapter=settings.get("cla", {}).get("start_adapter", "")[:16],
        results=_results(scores),
        metrics={score.metric for score in scores},
        data=data,
        phases=list(_phase_rows(settings, training.get("phases", {}))),
        versions=training.get("versions", {}),
        hardware=training.get("hardware"),
    )
    return _sealed(str(ModelCard(f"---\n{metadata.to_yaml()}\n---\n{body}").content).rstrip() + "\n")


def _example(manifest: AnyManifest) -> Sequence[str]:
    """The texts in the card's example: sentences of the language, or the language's name in it and in the pivot."""
    if isinstance(manifest, LanguageModuleManifest):
        return sentences_of(manifest.language)
    return [name_in(manifest.language, code) for code in (manifest.language, manifest.pivot)]


def is_as_made(card: str) -> bool:
    """Whether `render_card` made a card and nobody has changed it since."""
    return card == _sealed(card.rpartition(_SEAL)[0])


def _sealed(text: str) -> str:
    return f"{text}{_SEAL}{hashlib.sha256(text.encode()).hexdigest()[:16]} -->\n"


def base_text(manifest: AnyManifest) -> str:
    """The name of the base encoder, for use in a sentence."""
    source, base = public_source(manifest), manifest.base
    if source is None:
        return "a checkpoint that is not published"
    text = f"`{source}`"
    if base.revision:
        text += f" at revision `{base.revision}`"
    if base.hub_id and base.hub_id != source:
        text += f", made from [{base.hub_id}](https://huggingface.co/{base.hub_id})"
    return text


def as_markdown(manifest: Described) -> Described:
    """The manifest with all free text escaped, so that Markdown shows it literally."""
    shown = {name: plain(getattr(manifest, name)) for name in ("base", "license", "training")}
    return dataclasses.replace(manifest, **shown)


def _install(base: str | None) -> str:
    """What to install with pip for a module on a base."""
    extra = BASE_EXTRAS.get(base or "")
    return f"'modular-sentence-encoders[{extra}]'" if extra else "modular-sentence-encoders"


def _vocabulary(manifest: AnyManifest) -> dict[str, Any]:
    facts = plain(manifest.vocabulary) if isinstance(manifest, LanguageModuleManifest) else {}
    return {"strategy": facts.get("strategy"), "tokens": facts.get("size"), "words": facts.get("tokens_per_word")}


def _learning(settings: Mapping[str, Any], phases: Mapping[str, Any], phase: str) -> dict[str, Any]:
    """What sentence encoding or alignment was trained from, besides text of the language."""
    section = settings.get(phase, {})
    related = section.get("related") or []
    codes = related.split(",") if isinstance(related, str) else related
    teachers = phases.get(phase, {}).get("teachers", [])
    return {
        "objective": section.get("objective", "contrastive"),
        "teacher": " and ".join(_teacher(teacher) for teacher in teachers) or _TEACHERS["base"],
        "own_teacher": any(teacher.get("kind") == "encoder" for teacher in teachers),
        "related": " and ".join(language_name(code.strip()) for code in codes),
        "start": section.get("start_module", "")[:16],
    }


def _teacher(facts: Mapping[str, Any]) -> str:
    return _TEACHERS.get(facts.get("kind", ""), f"`{facts.get('source', '')}`")


def _results(scores: Sequence[Score]) -> dict[str, Any]:
    """A table: a row for each comparison, a column for each encoder."""
    columns, cells = score_table(scores)
    return {
        "columns": columns,
        "rows": [
            {
                "benchmark": benchmark,
                "languages": languages,
                "split": split,
                "metric": metric,
                "size": next(iter(row.values())).size,
                "values": [_value(row.get(name)) for name in columns],
            }
            for (benchmark, languages, split, metric), row in cells.items()
        ],
    }


def _value(score: Score | None) -> str:
    if score is None:
        return ""
    interval = f" [{', '.join(f'{end:.{score.places}f}' for end in score.interval)}]" if score.interval else ""
    return f"{score.text}{interval}"


def data_rows(facts: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Every source of text, once for each use."""
    for source in facts if isinstance(facts, list) else []:
        phase, _, part = str(source.get("use", "")).partition(", ")
        yield {
            "use": ", ".join(filter(None, [_PHASES.get(phase, phase), part])),
            "name": source.get("name", ""),
            "dataset": source.get("dataset"),
            "columns": source.get("columns") or [],
            "bytes": source.get("bytes"),
            "license": source.get("license"),
        }


def _phase_rows(settings: Mapping[str, Any], phases: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A table row for each training phase."""
    for phase, facts in phases.items():
        if phase not in _PHASES or not isinstance(facts, dict) or "steps" not in facts:
            continue
        section = settings.get(phase, {})
        training = section.get("training", {})
        rows = facts.get("rows")
        yield {
            "name": _PHASES[phase],
            "rows": " + ".join(str(count) for count in rows.values()) if isinstance(rows, dict) else rows or "",
            "steps": facts["steps"],
            "batch": training.get("per_device_train_batch_size", 0) * facts.get("processes", 1),
            "learning_rate": training.get("learning_rate", ""),
            "loss": float(facts.get("loss", "nan")),
            "seconds": float(facts.get("seconds", "nan")),
        }
