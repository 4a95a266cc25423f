"""A module folder holds what its manifest says, byte for byte. What else lies there is not read."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from pathlib import Path

from adapters_hub.errors import ModuleFormatError
from adapters_hub.folders import inner_path, sha256, walk
from adapters_hub.format.manifest import FILE_NAME, Manifest, ModuleFile

CARD = "README.md"
# Code, and what is code for whoever loads it: pickles, and archives of them.
_RUNS = re.compile(
    r"\.(py[a-z]?|ipy|whl|egg|so|pyd|dll|dylib|exe|sh|bash|bat|cmd|ps1"
    r"|bin|pt[a-z0-9]?|ckpt|pkl|pickle|dill|joblib|h5|hdf5|keras|mar|nemo)(\.([0-9]+|gz|bz2|xz|zst|zip))*\s*$",
    re.IGNORECASE,
)
_MAX_HEADER = 4 << 20


def list_files(folder: Path) -> dict[str, ModuleFile]:
    """Size and SHA-256 of every file below `folder`, but for the manifest and the card."""
    return {
        path.relative_to(folder).as_posix(): ModuleFile(path.stat().st_size, sha256(path))
        for path in sorted(walk(folder))
        if path.is_file() and path.relative_to(folder).as_posix() not in (FILE_NAME, CARD)
    }


def verify_folder(folder: Path, manifest: Manifest, *, content: bool = True) -> None:
    """Refuse a folder that is not, to the byte, what its manifest says, or that holds anything that could run.

    Args:
        folder: of the module.
        manifest: its manifest.
        content: compare size and SHA-256 of every file too, which reads them all.

    Raises:
        ModuleFormatError: names the first file that is missing, changed or could run.
    """
    found = sorted(walk(folder))
    refuse_what_could_run([path.relative_to(folder).as_posix() for path in found], folder)
    check_files(folder, manifest, content=content)


def check_files(folder: Path, manifest: Manifest, *, content: bool = True) -> None:
    """Refuse a module whose own files are not what its manifest says; what else the folder holds does not matter.

    Args:
        folder: as for `verify_folder`.
        manifest: as for `verify_folder`.
        content: as for `verify_folder`.

    Raises:
        ModuleFormatError: names the first file that is missing or changed.
    """
    check_manifest(folder, manifest)
    for name, expected in manifest.files.items():
        path = inner_path(folder, name)
        if not path.is_file():
            raise ModuleFormatError(f"{folder}: the file {name!r} is missing: fetch or train the module again")
        if content:
            check_size(f"{folder}: {name!r}", path.stat().st_size, expected.size)
        if content and sha256(path) != expected.sha256:
            raise ModuleFormatError(
                f"{folder}: the content of {name!r} is not what the manifest says (SHA-256): "
                "damaged or tampered with; do not use it"
            )
        if name.endswith(".safetensors"):
            check_safetensors_header(path)


def check_manifest(where: Path | str, manifest: Manifest) -> None:
    """The manifest lists the files that its kind of module consists of, and its fingerprint is theirs.

    Raises:
        ModuleFormatError: it does not.
    """
    if missing := [name for name in manifest.needed_files if name not in manifest.files]:
        raise ModuleFormatError(
            f"{where}: the manifest does not list {missing[0]!r}, which the module consists of: "
            "fetch or train the module again"
        )
    if odd := [name for name in manifest.files if name not in manifest.needed_files]:
        raise ModuleFormatError(f"{where}: the manifest lists {odd[0]!r}, which no such module consists of")
    if manifest.fingerprint != manifest.computed_fingerprint():
        raise ModuleFormatError(
            f"{where}: the fingerprint in {FILE_NAME} is not that of the files it lists: tampered with; do not use it"
        )


def refuse_what_could_run(names: Iterable[str], where: Path | str) -> None:
    """Refuse a module with code or pickles beside it. Other files that are no part of it do not matter.

    Neither is ever read here. But a module's folder is one that PEFT and transformers load too, which run such files,
    and nobody who publishes a sound module needs them there.

    Args:
        names: all files of a folder or a repo, with forward slashes.
        where: folder or repo, for the message.

    Raises:
        ModuleFormatError: names the first such file.
    """
    for name in names:
        if could_run(name):
            raise ModuleFormatError(
                f"{where} holds {name!r}, which no module consists of and which could run (weights come as "
                "safetensors, and there is never code): delete it if it is yours, else do not use this module"
            )


def could_run(name: str) -> bool:
    """Whether a file is code, or a pickle, which is code for whoever loads it."""
    return _RUNS.search(name.rpartition("/")[2]) is not None


def check_size(what: str, found: int, expected: int) -> None:
    """Refuse a file whose size is not the manifest's.

    Raises:
        ModuleFormatError: it is not.
    """
    if found != expected:
        raise ModuleFormatError(
            f"{what} has {found} bytes where the manifest says {expected}: "
            "truncated or replaced; fetch or train the module again"
        )


def check_safetensors_header(path: Path) -> None:
    """Refuse a file whose header claims more bytes than the file, or than any module needs, before reading on.

    Raises:
        ModuleFormatError: it does.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
    claimed = struct.unpack("<Q", start)[0] if len(start) == 8 else None
    if claimed is None or claimed > min(size - 8, _MAX_HEADER):
        raise ModuleFormatError(
            f"{path} is truncated or not safetensors: its header claims {claimed} bytes, the file has {size}, "
            f"and no module needs more than {_MAX_HEADER}: do not use it"
        )
