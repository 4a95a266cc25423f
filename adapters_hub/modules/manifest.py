"""`module.json`: what a module is, which base it needs, and which files it consists of."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from adapters_hub.errors import AdaptersHubError, CompositionError, ModuleFormatError
from adapters_hub.folders import inner_path, sha256
from adapters_hub.languages import check_language

FORMAT_VERSION = 1
FILE_NAME = "module.json"
_MAX_BYTES = 4 << 20

Kind = Literal["language_module", "alignment_adapter"]


@dataclass(frozen=True)
class BaseReference:
    """The base encoder that a module was trained on."""

    source: str
    revision: str | None
    fingerprint: str

    def check(self, fingerprint: str, what: str) -> None:
        """Refuse another base.

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


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What language modules and alignment adapters have in common.

    Attributes:
        kind: `language_module` or `alignment_adapter`.
        language: ISO 639-3.
        base: the base encoder it belongs to.
        fingerprint: SHA-256 that changes with the vectors the module gives.
        training: data and settings it was trained with, for the card.
        metrics: scores, as an evaluation wrote them.
        files: every file of the folder but the manifest and the card.
    """

    kind: Kind
    language: str
    base: BaseReference
    fingerprint: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    files: dict[str, ModuleFile] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        check_language(self.language)

    def write(self, folder: Path) -> None:
        """Write `module.json` into `folder`."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False, sort_keys=False)
        (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read and check `module.json`.

        Raises:
            ModuleFormatError: there is none, it is not one of this kind, or it is of a newer format.
        """
        values = _read_json(folder)
        _check_header(folder, values)
        try:
            values["base"] = BaseReference(**values["base"])
            values["files"] = {name: ModuleFile(**entry) for name, entry in values["files"].items()}
            manifest = cls(**values)
        except (KeyError, TypeError, AttributeError, AdaptersHubError) as error:
            raise ModuleFormatError(f"{folder / FILE_NAME} is not a valid {cls.__name__}: {error}") from error
        for name in manifest.files:
            inner_path(folder, name)
        return manifest


@dataclass(frozen=True, kw_only=True)
class LanguageModuleManifest(Manifest):
    """The manifest of a language module.

    Attributes:
        pooling: `mean` or `cls`.
        prompt: text put before every sentence.
        max_length: longest sequence in tokens; longer ones are cut.
        dimension: length of the vectors.
        vocabulary: strategy, size and facts.
        components: which of `vocabulary`, `language_adapter`, `sentence_adapter` the module has.
    """

    kind: Kind = "language_module"
    pooling: str = "mean"
    prompt: str = ""
    max_length: int = 128
    dimension: int = 0
    vocabulary: dict[str, Any] = field(default_factory=dict)
    components: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "components", tuple(self.components))
        sound = {
            "pooling": self.pooling in ("mean", "cls"),
            "prompt": isinstance(self.prompt, str),
            "max_length": isinstance(self.max_length, int) and self.max_length > 0,
            "dimension": isinstance(self.dimension, int),
            "components": set(self.components) <= {"vocabulary", "language_adapter", "sentence_adapter"},
        }
        for name in (name for name, fits in sound.items() if not fits):
            raise ModuleFormatError(f"{name} cannot be {getattr(self, name)!r}")


@dataclass(frozen=True, kw_only=True)
class AlignmentManifest(Manifest):
    """The manifest of an alignment adapter.

    Attributes:
        pivot: language it aligns to.
        objective: `paraphrase`, `parallel` or `both`.
        pivot_fingerprint: fingerprint of the pivot's language module it was trained to meet.
        target_fingerprint: fingerprint of the language module it was trained on.
    """

    kind: Kind = "alignment_adapter"
    pivot: str = "eng"
    objective: str = "both"
    pivot_fingerprint: str = ""
    target_fingerprint: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_language(self.pivot)


def read_kind(folder: str | os.PathLike[str]) -> Kind:
    """Which kind of module a folder holds.

    Raises:
        ModuleFormatError: it holds none.
    """
    folder = Path(folder)
    values = _read_json(folder)
    _check_header(folder, values)
    return values["kind"]  # type: ignore[no-any-return]


def list_files(folder: Path) -> dict[str, ModuleFile]:
    """Size and SHA-256 of every file below `folder`, but for the manifest and the card."""
    return {
        path.relative_to(folder).as_posix(): ModuleFile(path.stat().st_size, sha256(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in (FILE_NAME, "README.md")
    }


def verify_files(folder: Path, manifest: Manifest, needed: Iterable[str]) -> None:
    """Compare every file with the manifest: nothing missing, nothing changed.

    Args:
        folder: of the module.
        manifest: its manifest.
        needed: files that will be read; each must be in the manifest.

    Raises:
        ModuleFormatError: names the first file that differs, and how.
    """
    if unlisted := [name for name in needed if name not in manifest.files]:
        raise ModuleFormatError(
            f"{folder}: the manifest does not list {unlisted[0]!r}, which the module consists of: "
            "fetch or train the module again"
        )
    for name, expected in manifest.files.items():
        path = inner_path(folder, name)
        if not path.is_file():
            raise ModuleFormatError(f"{folder}: the file {name!r} is missing: fetch or train the module again")
        if (size := path.stat().st_size) != expected.size:
            raise ModuleFormatError(
                f"{folder}: {name!r} has {size} bytes where the manifest says {expected.size}: "
                "truncated or replaced; fetch or train the module again"
            )
        if sha256(path) != expected.sha256:
            raise ModuleFormatError(
                f"{folder}: the content of {name!r} is not what the manifest says (SHA-256): "
                "damaged or tampered with; do not use it"
            )


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / FILE_NAME
    if not folder.is_dir() or not path.is_file():
        raise ModuleFormatError(f"{folder} is not a module folder: expected a folder with {FILE_NAME}")
    if path.stat().st_size > _MAX_BYTES:
        raise ModuleFormatError(f"{path} has more than {_MAX_BYTES} bytes: it is not a manifest")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModuleFormatError(f"{path} is not valid JSON ({error}): fetch or train the module again") from error
    if not isinstance(values, dict):
        raise ModuleFormatError(f"{path} does not hold a JSON object")
    return values


def _check_header(folder: Path, values: dict[str, Any]) -> None:
    version = values.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise ModuleFormatError(f"{folder / FILE_NAME} has no format_version: it is not a module")
    if version > FORMAT_VERSION:
        raise ModuleFormatError(
            f"{folder} has module format {version}, this version of the library reads up to {FORMAT_VERSION}: "
            "pip install --upgrade modular-sentence-encoders"
        )
    if values.get("kind") not in ("language_module", "alignment_adapter"):
        raise ModuleFormatError(f"{folder / FILE_NAME}: unknown kind {values.get('kind')!r}")
