"""`module.json`: what a module is, which base it needs, and which files it consists of."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args

from adapters_hub.errors import CompositionError, ModuleFormatError, NewerFormatError
from adapters_hub.folders import inner_path
from adapters_hub.format.scores import Score
from adapters_hub.json_files import load_json
from adapters_hub.languages import check_language

FORMAT_VERSION = 1
FILE_NAME = "module.json"
MAX_BYTES = 4 << 20
PromptName = Literal["query", "document"]
"""What a text is in retrieval; many encoders put another prompt before queries than before documents."""
ROLES = get_args(PromptName)
WITHOUT_PROMPT = "mean_without_prompt"
POOLINGS = ("mean", WITHOUT_PROMPT, "cls", "last")
"""How token vectors become a sentence vector: their mean, the mean without the prompt's, the first, or the last."""
OBJECTIVES = ("both", "paraphrase", "parallel", "graded", "balanced")

EMBEDDINGS_FILE = "embeddings.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
ADAPTERS = ("language_adapter", "sentence_adapter")
"""The LoRA folders of a language module, in the order they are trained."""
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
"""The files of a LoRA folder, and of an alignment adapter."""

MODULE_FILES = frozenset(
    [
        *(FILE_NAME, *TOKENIZER_FILES, EMBEDDINGS_FILE, *ADAPTER_FILES),
        *(f"{adapter}/{file}" for adapter in ADAPTERS for file in ADAPTER_FILES),
    ]
)
"""Every file that a module of either kind may consist of."""

Kind = Literal["language_module", "alignment_adapter"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 50  # bytes, tokens or dimensions; this library writes no larger number
_LONGEST_PROMPT = 2000  # characters, which are put before every sentence
_MOST_SCORES = 5000


@dataclass(frozen=True)
class BaseReference:
    """The base encoder that a module was trained on.

    Attributes:
        source: what the base was loaded from.
        revision: the commit of the Hub repo; None for other sources.
        fingerprint: see `adapters_hub.base.fingerprint`.
        hub_id: the model on the Hub that the base is, or was made from; None if there is none.
        vocabulary_fingerprint: fingerprint of the part of the base's vocabulary that the module uses, see
            `BaseEncoder.vocabulary_fingerprint`; None if it uses none, and in modules of early versions, which do not
            record it.
    """

    source: str
    revision: str | None
    fingerprint: str
    hub_id: str | None = None
    vocabulary_fingerprint: str | None = None

    def __post_init__(self) -> None:
        optional = dict.fromkeys(("revision", "hub_id", "vocabulary_fingerprint"), (str, None))
        _check_types(self, source=str, fingerprint=str, **optional)

    def check(self, fingerprint: str, what: str) -> None:
        """Refuse any other base.

        Args:
            fingerprint: the fingerprint of the loaded base.
            what: the module, for the error message.

        Raises:
            CompositionError: the fingerprints differ.
        """
        if fingerprint != self.fingerprint:
            raise CompositionError(
                f"{what} was trained on base {self.source!r} (fingerprint {self.fingerprint[:12]}), "
                f"not on the loaded base ({fingerprint[:12]}): load that base, or a module made for this one"
            )


@dataclass(frozen=True)
class ModuleFile:
    """Size in bytes and SHA-256 of one file of a module."""

    size: int
    sha256: str

    def __post_init__(self) -> None:
        _check_types(self, size=int, sha256=str)
        if not _is_count(self.size) or not _SHA256.fullmatch(self.sha256):
            raise ModuleFormatError(f"a file cannot have the size {self.size!r} and the SHA-256 {self.sha256!r}")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the manifests of language modules and of alignment adapters have in common.

    Attributes:
        kind: `language_module` or `alignment_adapter`.
        language: ISO 639-3.
        base: the base encoder that the module was trained on.
        fingerprint: SHA-256 over everything that the module's vectors depend on.
        license: identifier that the Hub uses, such as `apache-2.0`; empty if not stated.
        training: data and settings that the module was trained with, for the card.
        metrics: scores as records, see `adapters_hub.format.scores`, as an evaluation wrote them.
        files: every file of the folder, except the manifest and the card.
    """

    kind: Kind
    language: str
    base: BaseReference
    fingerprint: str = ""
    license: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, ModuleFile] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        check_language(self.language)
        _check_types(self, fingerprint=str, license=str, training=dict, metrics=list)
        if len(self.metrics) > _MOST_SCORES:
            raise ModuleFormatError(f"metrics has {len(self.metrics)} records, expected up to {_MOST_SCORES}")
        for record in self.metrics:
            Score.from_record(record)

    @property
    def needed_files(self) -> tuple[str, ...]:
        """The files that a module of this kind consists of, without the manifest."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """Short name, unique among the modules of a base: `kaz`, `kaz-eng-both`."""
        raise NotImplementedError

    def computed_fingerprint(self) -> str:
        """The fingerprint that results from the files and the other fields."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Total size of all files in bytes."""
        return sum(file.size for file in self.files.values())

    def to_json(self) -> str:
        """The text of `module.json`."""
        values = dataclasses.asdict(self)
        if self.base.vocabulary_fingerprint is None:
            del values["base"]["vocabulary_fingerprint"]  # early versions of the library do not know this field
        return json.dumps(values, indent=2, ensure_ascii=False, sort_keys=False) + "\n"

    def write(self, folder: Path) -> None:
        """Write `module.json` into `folder`."""
        (folder / FILE_NAME).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read and check `module.json`.

        Raises:
            ModuleFormatError: the file is missing, not valid for this kind of module, or of a newer format.
        """
        values = _read_json(folder)
        _check_header(folder, values)
        try:
            values["base"] = BaseReference(**values["base"])
            values["files"] = {name: ModuleFile(**entry) for name, entry in values["files"].items()}
            manifest = cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModuleFormatError(f"{folder / FILE_NAME} is not a valid {cls.__name__}: {error}") from error
        for name in manifest.files:
            inner_path(folder, name)
        return manifest


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
            "max_length": _is_count(self.max_length) and self.max_length > 0,
            "dimension": _is_count(self.dimension),
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
        _check_types(self, **dict.fromkeys(fields, str))
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


def read_kind(folder: str | os.PathLike[str]) -> Kind:
    """The kind of module that a folder holds.

    Raises:
        ModuleFormatError: the folder holds no module.
    """
    folder = Path(folder)
    values = _read_json(folder)
    _check_header(folder, values)
    return values["kind"]  # type: ignore[no-any-return]


def read_manifest(folder: str | os.PathLike[str]) -> LanguageModuleManifest | AlignmentManifest:
    """The manifest of a module of either kind.

    Raises:
        ModuleFormatError: the folder holds no valid manifest.
    """
    kind = read_kind(folder)
    return (LanguageModuleManifest if kind == "language_module" else AlignmentManifest).read(Path(folder))


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / FILE_NAME
    if not folder.is_dir() or not path.is_file():
        raise ModuleFormatError(f"{folder} is not a module folder: expected a folder with {FILE_NAME}")
    path = inner_path(folder, FILE_NAME)
    if path.stat().st_size > MAX_BYTES:
        raise ModuleFormatError(f"{path} has more than {MAX_BYTES} bytes: it is not a manifest")
    try:
        values = load_json(path, MAX_BYTES)
    except ValueError as error:
        raise ModuleFormatError(f"{path} is not valid JSON ({error}): fetch or train the module again") from error
    if not isinstance(values, dict):
        raise ModuleFormatError(f"{path} does not hold a JSON object")
    return values


def _check_header(folder: Path, values: dict[str, Any]) -> None:
    version = values.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModuleFormatError(f"{folder / FILE_NAME} has no format_version: it is not a module")
    if version > FORMAT_VERSION:
        raise NewerFormatError(
            f"{folder} has module format {version}, this version of the library reads up to {FORMAT_VERSION}: "
            "pip install --upgrade modular-sentence-encoders"
        )
    if values.get("kind") not in ("language_module", "alignment_adapter"):
        raise ModuleFormatError(f"{folder / FILE_NAME}: unknown kind {values.get('kind')!r}")


def _is_prompt(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_PROMPT


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _check_types(values: object, **expected: type | tuple[type | None, ...]) -> None:
    for name, types in expected.items():
        value = getattr(values, name)
        allowed = types if isinstance(types, tuple) else (types,)
        if not any(value is None if kind is None else isinstance(value, kind) for kind in allowed):
            raise ModuleFormatError(f"{name} cannot be {value!r}")
