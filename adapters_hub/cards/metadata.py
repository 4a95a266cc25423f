"""What a card tells machines: tags to search by, and the results in the Hub's own form."""

from __future__ import annotations

from collections.abc import Sequence

from huggingface_hub import EvalResult, ModelCardData

from adapters_hub.format import AlignmentManifest, LanguageModuleManifest, Manifest, Score
from adapters_hub.languages import hub_code, language_name

LIBRARY = "modular-sentence-encoders"
_MOST_RESULTS = 500  # which the Hub reads one by one; the table has all
_SHORT = 16  # hexadecimal digits of a fingerprint in a tag


def tags_of(manifest: LanguageModuleManifest | AlignmentManifest) -> list[str]:
    """Tags by which a module is found, each of one meaning."""
    tags = [
        LIBRARY,
        kind_tag(manifest.kind),
        language_tag(manifest.language.partition("_")[0]),
        module_tag(manifest.fingerprint),
        f"base-fingerprint:{manifest.base.fingerprint[:_SHORT]}",
    ]
    if "_" in manifest.language:
        tags.append(language_tag(manifest.language))
    if (source := public_source(manifest)) is not None:
        tags.append(base_tag(source))
    if manifest.base.hub_id:
        tags.append(f"base_model:adapter:{manifest.base.hub_id}")
    if isinstance(manifest, AlignmentManifest):
        return [*tags, f"pivot:{manifest.pivot}", f"objective:{manifest.objective}"]
    if strategy := manifest.vocabulary.get("strategy"):
        tags.append(f"vocabulary:{strategy}")
    return tags


def kind_tag(kind: str) -> str:
    """`language-module` or `alignment-adapter`."""
    return kind.replace("_", "-")


def language_tag(code: str) -> str:
    """Of a language, with its script where the module names one."""
    return f"language:{code}"


def base_tag(source: str) -> str:
    """Of a base by its Hub id or package."""
    return f"base:{source}"


def module_tag(fingerprint: str) -> str:
    """Of one module among all, by which an adapter finds the modules it belongs to."""
    return f"fingerprint:{fingerprint[:_SHORT]}"


def public_source(manifest: Manifest) -> str | None:
    """The base as others can name it; None if it was a folder on somebody's machine."""
    base = manifest.base
    return base.source if base.source.startswith("package:") or base.hub_id == base.source else base.hub_id


def card_data(
    manifest: LanguageModuleManifest | AlignmentManifest, scores: Sequence[Score], datasets: Sequence[str]
) -> ModelCardData:
    """The metadata block of a card.

    Args:
        manifest: of the module.
        scores: those that belong on the card; the module's own become the `model-index`.
        datasets: Hub ids of the training data.
    """
    languages = [manifest.language, *([manifest.pivot] if isinstance(manifest, AlignmentManifest) else [])]
    own = "aligned" if isinstance(manifest, AlignmentManifest) else "modules"
    results = [_result(score) for score in scores if score.encoder == own][:_MOST_RESULTS]
    return ModelCardData(
        language=[hub_code(code) for code in languages],
        license=manifest.license or None,
        library_name=LIBRARY,
        pipeline_tag="sentence-similarity",
        base_model=manifest.base.hub_id,
        base_model_relation="adapter" if manifest.base.hub_id else None,
        datasets=list(datasets) or None,
        tags=tags_of(manifest),
        model_name=model_name(manifest) if results else None,
        eval_results=results or None,
    )


def model_name(manifest: LanguageModuleManifest | AlignmentManifest) -> str:
    """For people: `Kazakh language module`, `Kazakh to English alignment (both)`."""
    language = language_name(manifest.language)
    if isinstance(manifest, AlignmentManifest):
        return f"{language} to {language_name(manifest.pivot)} alignment ({manifest.objective})"
    return f"{language} language module"


def _result(score: Score) -> EvalResult:
    return EvalResult(
        task_type=score.task,
        dataset_type=score.dataset,
        dataset_name=f"{score.benchmark} ({'-'.join(score.languages)})",
        dataset_config="-".join(score.languages),
        dataset_split=score.split,
        metric_type=score.metric,
        metric_name=score.metric.replace("_", " ").capitalize(),
        metric_value=round(score.value, 3 if score.metric == "rsim" else 2),
    )
