"""The manifests of the two kinds of modules: language modules and alignment adapters."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from adapters_hub.errors import ModuleFormatError
from adapters_hub.format.layout import ADAPTER_FILES, ADAPTERS, EMBEDDINGS_FILE, TOKENIZER_FILES
from adapters_hub.format.manifest import Kind, Manifest, check_types, is_count, read_values
from adapters_hub.format.scores import Score
from adapters_hub.languages import check_language, same_language

PromptName = Literal["query", "document"]
"""What a text is in retrieval; many encoders put another prompt before queries than before documents."""
ROLES = get_args(PromptName)
WITHOUT_PROMPT = "mean_without_prompt"
POOLINGS = ("mean", WITHOUT_PROMPT, "cls", "last")
"""How token vectors become a sentence vector: their mean, the mean without the prompt's, the first, or the last."""
OBJECTIVES = ("both", "paraphrase", "parallel", "graded", "balanced")

_LONGEST_PROMPT = 2000  # characters, which are put before every sentence


@dataclass(frozen=True, kw_only=True)
class LanguageModuleManifest(Manifest):
    """The manifest of a language module.

    Attributes:
        pooling: one of `POOLINGS`.
        prompt: text put before a sentence that is neither a query nor a document.
        prompts: the prompts of a `query` and a `document` in retrieval, where they differ from `prompt`; None in
            modules that do not state them, for which the base's are used.
        max_length: longest sequence in tokens; longer ones are cut.
        dimension: length of the sentence vectors.
        vocabulary: strategy and size of the vocabulary, and other facts about it.
        components: the parts that the module has: `vocabulary` (tokenizer and embeddings) or `tokenizer` (for the
            base's embeddings), `language_adapter` and `sentence_adapter`.
    """

    kind: Kind = "language_module"
    pooling: str = "mean"
    prompt: str = ""
    prompts: dict[str, str] | None = None
    max_length: int = 128
    dimension: int = 0
    vocabulary: dict[str, Any] = field(default_factory=dict)
    components: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "components", tuple(map(str, self.components)))
        sound = {
            "kind": self.kind == "language_module",
            "pooling": self.pooling in POOLINGS,
            "prompt": _is_prompt(self.prompt),
            "prompts": self.prompts is None
            or (
                isinstance(self.prompts, dict)
                and set(self.prompts) <= set(ROLES)
                and all(map(_is_prompt, self.prompts.values()))
            ),
            "max_length": is_count(self.max_length) and self.max_length > 0,
            "dimension": is_count(self.dimension),
            "vocabulary": isinstance(self.vocabulary, dict),
            "components": set(self.components) <= {"vocabulary", "tokenizer", *ADAPTERS},
        }
        for name in (name for name, fits in sound.items() if not fits):
            raise ModuleFormatError(f"{name} cannot be {getattr(self, name)!r}")

    @property
    def needed_files(self) -> tuple[str, ...]:
        """The files that this module consists of, without the manifest."""
        needed = tuple(f"{name}/{file}" for name in ADAPTERS if name in self.components for file in ADAPTER_FILES)
        if "vocabulary" in self.components:
            return (*needed, *TOKENIZER_FILES, EMBEDDINGS_FILE)
        return (*needed, *TOKENIZER_FILES) if "tokenizer" in self.components else needed

    @property
    def name(self) -> str:
        """The language."""
        return self.language

    def computed_fingerprint(self) -> str:
        """The fingerprint of everything that the module's vectors depend on."""
        digest = hashlib.sha256()
        facts: tuple[object, ...] = (self.base.fingerprint, self.pooling, self.prompt, self.max_length)
        if self.base.vocabulary_fingerprint is not None:
            facts = (*facts, self.base.vocabulary_fingerprint)
        if self.prompts is not None:
            facts = (*facts, sorted(self.prompts.items()))
        digest.update(repr(facts).encode())
        for name, file in sorted(self.files.items()):
            if name.endswith((".safetensors", "tokenizer.json", "adapter_config.json")):
                digest.update(f"{name}:{file.sha256}".encode())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class AlignmentManifest(Manifest):
    """The manifest of an alignment adapter.

    Attributes:
        pivot: the pivot language, ISO 639-3.
        objective: one of `OBJECTIVES`.
        pivot_fingerprint: fingerprint of the pivot language's module that the adapter was aligned with.
        target_fingerprint: fingerprint of the language module that the adapter was trained on.
        pivot_module: the repo of the pivot's module, with its commit; empty if the module was a local folder.
        target_module: the same for the language module that the adapter was trained on.
    """

    kind: Kind = "alignment_adapter"
    pivot: str = "eng"
    objective: str = "both"
    pivot_fingerprint: str = ""
    target_fingerprint: str = ""
    pivot_module: str = ""
    target_module: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_language(self.pivot)
        fields = ("pivot_fingerprint", "target_fingerprint", "pivot_module", "target_module")
        check_types(self, **dict.fromkeys(fields, str))
        if self.kind != "alignment_adapter":
            raise ModuleFormatError(f"kind cannot be {self.kind!r}")
        if self.objective not in OBJECTIVES:
            raise ModuleFormatError(f"objective cannot be {self.objective!r}")

    @property
    def needed_files(self) -> tuple[str, ...]:
        """The files that an alignment adapter consists of, without the manifest."""
        return ADAPTER_FILES

    @property
    def name(self) -> str:
        """Language, pivot and objective."""
        return f"{self.language}-{self.pivot}-{self.objective}"

    def computed_fingerprint(self) -> str:
        """The fingerprint of the adapter's files and of the two modules that it was trained with."""
        identity = "".join(f"{name}:{file.sha256}" for name, file in sorted(self.files.items()))
        identity += self.pivot_fingerprint + self.target_fingerprint
        return hashlib.sha256(identity.encode()).hexdigest()


AnyManifest = LanguageModuleManifest | AlignmentManifest


def read_kind(folder: str | os.PathLike[str]) -> Kind:
    """The kind of module that a folder holds.

    Raises:
        ModuleFormatError: the folder holds no module.
    """
    kind: Kind = read_values(Path(folder))["kind"]
    return kind


def read_manifest(folder: str | os.PathLike[str]) -> AnyManifest:
    """The manifest of a module of either kind.

    Raises:
        ModuleFormatError: the folder holds no valid manifest.
    """
    is_language = read_kind(folder) == "language_module"
    return (LanguageModuleManifest if is_language else AlignmentManifest).read(Path(folder))


def scores_of(manifest: AnyManifest, scores: Iterable[Score] | None = None) -> list[Score]:
    """Select the scores that belong on the card of a module.

    For a language module, these are the scores within its language, and the cross-lingual scores with the module on one
    side. For an alignment adapter, they are the cross-lingual scores with the adapter on. In both cases, the scores of
    the base and of the modules without alignment on the same comparisons are included.

    Args:
        manifest: the module's manifest.
        scores: all scores of an evaluation; None: those that the manifest records.
    """
    if scores is None:
        scores = [Score.from_record(record) for record in manifest.metrics]
    # Benchmarks and modules may or may not name the script: `uzn_Latn`, `uzn`.
    scores = [score for score in scores if any(same_language(manifest.language, code) for code in score.languages)]

    def comparison(score: Score) -> tuple[object, ...]:
        return score.dataset, score.split, score.languages, score.metric

    # The modules that were used, by comparison. Beside an adapter's scores are those with some of the same modules.
    used = {comparison(score): set(score.modules) for score in scores if manifest.fingerprint in score.modules}

    def is_beside(score: Score) -> bool:
        if isinstance(manifest, AlignmentManifest):
            return set(score.modules) < used[comparison(score)]
        return score.encoder == "base"

    return [
        score
        for score in scores
        if comparison(score) in used and (manifest.fingerprint in score.modules or is_beside(score))
    ]


def _is_prompt(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_PROMPT
