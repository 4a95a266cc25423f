"""Verify that a module folder holds what its manifest says, byte for byte; other files in it are never read."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from pathlib import Path

from adapters_hub.errors import ModuleFormatError
from adapters_hub.folders import inner_path, sha256, walk
from adapters_hub.format.layout import FILE_NAME
from adapters_hub.format.manifest import Manifest, ModuleFile

CARD = "README.md"
# Names of code files, and of pickles and archives of them, which run code when they are loaded.
_RUNS = re.compile(
    r"\.(py[a-z]?|ipy|whl|egg|so|pyd|dll|dylib|exe|sh|bash|bat|cmd|ps1"
    r"|bin|pt[a-z0-9]?|ckpt|pkl|pickle|dill|joblib|h5|hdf5|keras|mar|nemo)(\.([0-9]+|gz|bz2|xz|zst|zip))*\s*$",
    re.IGNORECASE,
)
_MAX_HEADER = 4 << 20


def list_files(folder: Path) -> dict[str, ModuleFile]:
    """Size and SHA-256 of every file below `folder`, except the manifest and the card."""
    return {
        path.relative_to(folder).as_posix(): ModuleFile(path.stat().st_size, sha256(path))
        for path in sorted(walk(folder))
        if path.is_file() and path.relative_to(folder).as_posix() not in (FILE_NAME, CARD)
    }


def verify_folder(folder: Path, manifest: Manifest, *, content: bool = True) -> None:
    """Refuse a folder that differs from its manifest in any byte, or that holds a file that could run.

    Args:
        folder: the module's folder.
        manifest: its manifest.
        content: also compare the size and SHA-256 of every file, which reads them all.

    Raises:
        ModuleFormatError: a file is missing, was changed or could run; the message names the first one.
    """
    found = sorted(walk(folder))
    refuse_what_could_run([path.relative_to(folder).as_posix() for path in found], folder)
    check_files(folder, manifest, content=content)


def check_files(folder: Path, manifest: Manifest, *, content: bool = True) -> None:
    """Refuse a module whose files differ from its manifest; other files in the folder do not matter.

    Args:
        folder: as for `verify_folder`.
        manifest: as for `verify_folder`.
        content: as for `verify_folder`.

    Raises:
        ModuleFormatError: a file is missing or was changed; the message names the first one.
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
    """Check that a manifest lists exactly the files of its kind of module, and that its fingerprint matches them.

    Args:
        where: folder or repo, for the error message.
        manifest: the manifest.

    Raises:
        ModuleFormatError: the list or the fingerprint is wrong.
    """
    if missing := [name for name in manifest.needed_files if name not in manifest.files]:
        raise ModuleFormatError(
            f"{where}: the manifest does not list {missing[0]!r}, which the module needs: "
            "fetch or train the module again"
        )
    if odd := [name for name in manifest.files if name not in manifest.needed_files]:
        raise ModuleFormatError(f"{where}: the manifest lists {odd[0]!r}, which is not a file of such a module")
    if manifest.fingerprint != manifest.computed_fingerprint():
        raise ModuleFormatError(
            f"{where}: the fingerprint in {FILE_NAME} is not that of the files it lists: tampered with; do not use it"
        )


def refuse_what_could_run(names: Iterable[str], where: Path | str) -> None:
    """Refuse a module that comes with code or pickles; other additional files do not matter.

    This library never reads such files. But PEFT and transformers may load the module's folder too, and they would run
    them. No sound module needs them.

    Args:
        names: all files of a folder or a repo, with forward slashes.
        where: folder or repo, for the error message.

    Raises:
        ModuleFormatError: there is such a file; the message names the first one.
    """
    for name in names:
        if could_run(name):
            raise ModuleFormatError(
                f"{where} holds {name!r}, which is not part of any module and could run code (weights are safetensors, "
                "and modules hold no code or pickles): delete it if it is yours, else do not use this module"
            )


def could_run(name: str) -> bool:
    """Whether a file, judged by its name, is code or a pickle, which runs code when it is loaded."""
    return _RUNS.search(name.rpartition("/")[2]) is not None


def check_size(what: str, found: int, expected: int) -> None:
    """Refuse a file whose size is not the one in the manifest.

    Args:
        what: the file, for the error message.
        found: its size in bytes.
        expected: the size in the manifest, in bytes.

    Raises:
        ModuleFormatError: the sizes differ.
    """
    if found != expected:
        raise ModuleFormatError(
            f"{what} has {found} bytes where the manifest says {expected}: "
            "truncated or replaced; fetch or train the module again"
        )


def check_safetensors_header(path: Path) -> None:
    """Refuse a safetensors file whose header claims more bytes than the file has, or than any module needs.

    Raises:
        ModuleFormatError: the header claims too much, or the file has none.
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
