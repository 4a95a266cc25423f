"""The machine-readable part of a card: tags to search by, and results in the Hub's format."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata

from huggingface_hub import EvalResult, ModelCardData

from adapters_hub.format import AlignmentManifest, AnyManifest, Manifest, Score
from adapters_hub.languages import hub_code, language_name

LIBRARY = "modular-sentence-encoders"
PAPER = "https://arxiv.org/abs/2407.14878"
CITATION = """\
@inproceedings{huang2025modular,
  title     = {Modular Sentence Encoders: Separating Language Specialization from Cross-Lingual Alignment},
  author    = {Huang, Yongxin and Wang, Kexin and Glava{\\v{s}}, Goran and Gurevych, Iryna},
  booktitle = {Proceedings of the 63rd Annual Meeting of the Association for Computational Linguistics},
  year      = {2025}
}"""
_MOST_RESULTS = 500  # the Hub reads them one by one; the card's table has all
_SHORT = 16  # hexadecimal digits of a fingerprint in a tag


def library_link() -> str:
    """The library's name in Markdown; a link if the installed package says where its home page is."""
    name = "*Modular Sentence Encoders*"
    try:
        urls = metadata(LIBRARY).get_all("Project-URL") or []
    except PackageNotFoundError:
        return name
    pages = [page.strip() for label, _, page in (url.partition(",") for url in urls) if label == "Homepage"]
    return f"[{name}]({pages[0]})" if pages else name


def tags_of(manifest: AnyManifest) -> list[str]:
    """The tags by which a search finds a module; each stands for one fact."""
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
    """Tag of a kind of module: `language-module` or `alignment-adapter`."""
    return kind.replace("_", "-")


def language_tag(code: str) -> str:
    """Tag of a language, with its script if the module names one."""
    return f"language:{code}"


def base_tag(source: str) -> str:
    """Tag of a base, by its Hub id or package."""
    return f"base:{source}"


def module_tag(fingerprint: str) -> str:
    """Tag of one particular module, by which its alignment adapters find it."""
    return f"fingerprint:{fingerprint[:_SHORT]}"


def public_source(manifest: Manifest) -> str | None:
    """The base's Hub id or package, under which others can load it; None if it was a local folder."""
    base = manifest.base
    return base.source if base.source.startswith("package:") or base.hub_id == base.source else base.hub_id


def card_data(manifest: AnyManifest, scores: Sequence[Score], datasets: Sequence[str]) -> ModelCardData:
    """The metadata block of a card; of the scores on it, the module's own become the `model-index`."""
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


def model_name(manifest: AnyManifest) -> str:
    """A readable name: `Kazakh language module`, `Kazakh to English alignment (both)`."""
    language = language_name(manifest.language)
    if isinstance(manifest, AlignmentManifest):
        return f"{language} to {language_name(manifest.pivot)} alignment ({manifest.objective})"
    return f"{language} language module"


def export_data(parts: Sequence[AnyManifest], datasets: Sequence[str], kind: str) -> ModelCardData:
    """The metadata block of the card of an export."""
    hub_id = parts[0].base.hub_id
    return ModelCardData(
        language=list(dict.fromkeys(hub_code(part.language) for part in parts)),
        license=common_license(parts),
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        base_model=hub_id,
        base_model_relation="finetune" if hub_id else None,
        datasets=list(datasets) or None,
        tags=["sentence-transformers", "feature-extraction", LIBRARY, *(["onnx"] if kind == "onnx" else [])]
        + [module_tag(part.fingerprint) for part in parts],
    )


def common_license(parts: Sequence[AnyManifest]) -> str | None:
    """The licence that all parts share; None if they differ, or if one states none."""
    licenses = {part.license for part in parts}
    return (licenses.pop() or None) if len(licenses) == 1 else None


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
