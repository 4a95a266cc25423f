"""`module.json`: which kind of module a folder holds, which base it needs, and which files it consists of."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args

from adapters_hub.errors import CompositionError, ModuleFormatError, NewerFormatError
from adapters_hub.folders import inner_path
from adapters_hub.format.layout import FILE_NAME
from adapters_hub.format.scores import Score
from adapters_hub.json_files import load_json
from adapters_hub.languages import check_language

FORMAT_VERSION = 1
MAX_BYTES = 4 << 20

Kind = Literal["language_module", "alignment_adapter"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 50  # bytes, tokens or dimensions; this library writes no larger number
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
        check_types(self, source=str, fingerprint=str, **optional)

    def check(self, fingerprint: str, what: str) -> None:
        """Refuse any other base.

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
        check_types(self, size=int, sha256=str)
        if not is_count(self.size) or not _SHA256.fullmatch(self.sha256):
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
        check_types(self, fingerprint=str, license=str, training=dict, metrics=list)
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
        values = read_values(folder)
        try:
            values["base"] = BaseReference(**values["base"])
            values["files"] = {name: ModuleFile(**entry) for name, entry in values["files"].items()}
            manifest = cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModuleFormatError(f"{folder / FILE_NAME} is not a valid {cls.__name__}: {error}") from error
        for name in manifest.files:
            inner_path(folder, name)
        return manifest


def read_values(folder: Path) -> dict[str, Any]:
    """The values of `module.json`, of which only the format's version and the kind are checked.

    Raises:
        ModuleFormatError: the file is missing, not JSON, of a newer format, or of an unknown kind.
    """
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
    version = values.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModuleFormatError(f"{folder / FILE_NAME} has no format_version: it is not a module")
    if version > FORMAT_VERSION:
        raise NewerFormatError(
            f"{folder} has module format {version}, this version of the library reads up to {FORMAT_VERSION}: "
            "pip install --upgrade modular-sentence-encoders"
        )
    if values.get("kind") not in get_args(Kind):
        raise ModuleFormatError(f"{folder / FILE_NAME}: unknown kind {values.get('kind')!r}")
    return values


def is_count(value: object) -> bool:
    """Whether a value is a number of bytes, tokens or dimensions."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def check_types(values: object, **expected: type | tuple[type | None, ...]) -> None:
    """Refuse attributes that are not of the type, or of one of the types, that is expected for their name."""
    for name, types in expected.items():
        value = getattr(values, name)
        allowed = types if isinstance(types, tuple) else (types,)
        if not any(value is None if kind is None else isinstance(value, kind) for kind in allowed):
            raise ModuleFormatError(f"{name} cannot be {value!r}")
