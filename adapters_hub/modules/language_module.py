"""Language modules: folders that stage 1 makes, each for one language."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

from adapters_hub.base.loading import BaseEncoder
from adapters_hub.base.writing import write_tokenizer
from adapters_hub.errors import CompositionError, ModuleFormatError
from adapters_hub.folders import FileState, file_state, write_folder
from adapters_hub.format import (
    ADAPTER_FILES,
    ADAPTERS,
    EMBEDDINGS_FILE,
    TOKENIZER_FILES,
    LanguageModuleManifest,
    list_files,
)
from adapters_hub.hub import Hub, PublishedModule, fetch_checked
from adapters_hub.json_files import parse_json
from adapters_hub.modules.lora import LoRA
from adapters_hub.modules.tensors import Shapes, read_tensors, require_finite
from adapters_hub.modules.tokenizer import read_tokenizer
from adapters_hub.modules.tokenizer_format import check_tokenizer

_VOCABULARIES = {"vocabulary": (*TOKENIZER_FILES, EMBEDDINGS_FILE), "tokenizer": TOKENIZER_FILES}
"""The files of the components that have a tokenizer."""


@dataclass
class LanguageModule(PublishedModule):
    """Tokenizer, token embeddings, language LoRA and sentence LoRA of one language; each may be missing.

    A module without tokenizer or embeddings uses the base's. If a LoRA is missing, its training phase was left out.

    Attributes:
        manifest: content of its `module.json`.
        tokenizer: None if the module uses the base's.
        embeddings: `[vocabulary, width]`; None if the module uses the base's.
        loras: the LoRAs by name (`language_adapter`, `sentence_adapter`), in the order they were trained.
    """

    manifest: LanguageModuleManifest
    tokenizer: PreTrainedTokenizerFast | None
    embeddings: torch.Tensor | None
    loras: dict[str, LoRA]
    folder: Path
    address: str | None = None
    states: Mapping[str, FileState | None] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        source: str | os.PathLike[str],
        *,
        hub: Hub | str | os.PathLike[str] | None = None,
        verify: bool = True,
        base: BaseEncoder | None = None,
    ) -> LanguageModule:
        """Load and check a module.

        Args:
            source: a folder as `save_language_module` wrote it, or `org/name[@revision]`.
            hub: see `adapters_hub.hub.connect`.
            verify: compare every file's SHA-256 with the manifest, which reads all files once more.
            base: the base that the module is for; if given, a module of another base is refused before any of its
                tensors is read.

        Raises:
            CompositionError: the module was not trained on `base`.
            ModuleFormatError: a part of the module is missing, damaged, tampered with, out of place or too new.
            HubError: the module cannot be fetched.
        """
        folder, address = fetch_checked(source, hub, content=verify)
        manifest = LanguageModuleManifest.read(folder)
        states = {name: file_state(folder / name) for name in manifest.needed_files}
        if base is not None:
            manifest.base.check(base.fingerprint, f"the language module of {manifest.language!r}")
        tokenizer, embeddings = None, None
        if "vocabulary" in manifest.components:
            embeddings = _read_embeddings(folder / EMBEDDINGS_FILE, verify, None if base is None else base.width)
        if {"vocabulary", "tokenizer"} & set(manifest.components):
            rows = None if embeddings is None else embeddings.shape[0]
            tokenizer = read_tokenizer(folder, rows, tried=address is not None)
            if rows is not None and len(tokenizer) > rows:
                raise ModuleFormatError(
                    f"{folder}: the tokenizer has {len(tokenizer)} tokens, the embeddings {rows} rows"
                )
        backbone = None if base is None else base.backbone
        loras = {name: LoRA.read(folder / name, backbone) for name in ADAPTERS if name in manifest.components}
        return cls(manifest, tokenizer, embeddings, loras, folder.absolute(), address, states)

    def check_base(self, base: BaseEncoder) -> None:
        """Refuse a base that the module was not trained on.

        Raises:
            CompositionError: the base has another transformer, or differs in the part of its vocabulary that the module
                uses.
            ModuleFormatError: a LoRA does not fit the base's layers, the tokenizer does not fit the embeddings, or the
                module's dimension or maximum length does not fit the base.
        """
        self.manifest.base.check(base.fingerprint, f"the language module of {self.language!r}")
        if self.manifest.dimension != base.dimension or self.manifest.max_length > base.max_positions:
            raise ModuleFormatError(
                f"{self.folder}: dimension {self.manifest.dimension} and max_length {self.manifest.max_length} do not "
                f"fit the base, which has dimension {base.dimension} and {base.max_positions} positions"
            )
        if self.embeddings is not None:
            _check_width(self.folder / EMBEDDINGS_FILE, self.embeddings.shape[1], base.width)
        rows = len(base.own_embeddings)
        if self.tokenizer is not None and self.embeddings is None and len(self.tokenizer) > rows:
            raise ModuleFormatError(
                f"{self.folder}: the tokenizer has {len(self.tokenizer)} tokens, the base's embeddings {rows} rows"
            )
        for name, lora in self.loras.items():
            lora.check_fits(base.backbone, self.folder / name)
        self._check_vocabulary(base)

    def _check_vocabulary(self, base: BaseEncoder) -> None:
        expected = self.manifest.base.vocabulary_fingerprint
        if expected is None or "vocabulary" in self.manifest.components:
            return
        if (found := base.vocabulary_fingerprint(self.manifest.components)) != expected:
            raise CompositionError(
                f"the language module of {self.language!r} was trained on the vocabulary of base "
                f"{self.manifest.base.source!r} (fingerprint {expected[:12]}), but the loaded base has another "
                f"({str(found)[:12]}): load that base, or a module made for this one"
            )


def write_vocabulary(folder: Path, tokenizer: PreTrainedTokenizerFast, embeddings: torch.Tensor | None) -> None:
    """Write a tokenizer and its embeddings `[vocabulary, width]`, in their own precision, into `folder`.

    Without embeddings, the tokenizer's ids have to be rows of the base's embeddings.

    Raises:
        ModuleFormatError: the embeddings are not all finite, or the tokenizer has parts that no module may have.
    """
    if embeddings is not None:
        require_finite({"weight": embeddings}, folder)
    try:
        check_tokenizer(
            parse_json(tokenizer.backend_tokenizer.to_str()), None if embeddings is None else len(embeddings)
        )
    except ValueError as error:
        raise ModuleFormatError(f"{folder}: the tokenizer could not be read again: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(tokenizer, folder)
    if embeddings is not None:
        values = {"weight": embeddings.detach().cpu().contiguous()}
        save_file(values, folder / EMBEDDINGS_FILE, metadata={"format": "pt"})


def save_language_module(
    target: str | os.PathLike[str],
    manifest: LanguageModuleManifest,
    parts: Mapping[str, Path],
    *,
    replace: bool = False,
) -> LanguageModule:
    """Assemble a module folder, completely or not at all, and load it back.

    Args:
        target: the folder to make.
        manifest: the manifest; its `files`, `fingerprint` and `components` are filled in here.
        parts: the folder of each component: `vocabulary` (tokenizer and embeddings) or `tokenizer`, `language_adapter`,
            `sentence_adapter`.
        replace: whether to replace an existing folder.
    """
    with write_folder(target, replace=replace) as folder:
        for component, source in parts.items():
            if component in _VOCABULARIES:
                for name in _VOCABULARIES[component]:
                    shutil.copyfile(source / name, folder / name)
            else:
                (folder / component).mkdir()
                for name in ADAPTER_FILES:
                    shutil.copyfile(source / name, folder / component / name)
        components = tuple(name for name in (*_VOCABULARIES, *ADAPTERS) if name in parts)
        manifest = dataclasses.replace(manifest, files=list_files(folder), components=components)
        dataclasses.replace(manifest, fingerprint=manifest.computed_fingerprint()).write(folder)
        written = LanguageModule.load(folder, verify=False)
        if written.embeddings is not None:
            require_finite({"weight": written.embeddings}, target)
    return LanguageModule.load(Path(target), verify=False)


def _read_embeddings(path: Path, verify: bool, width: int | None) -> torch.Tensor:
    def check(shapes: Shapes) -> None:
        if shapes.keys() != {"weight"} or len(shapes["weight"]) != 2 or 0 in shapes["weight"]:
            raise ModuleFormatError(f"{path}: expected one tensor 'weight' [vocabulary, width]")
        if width is not None:
            _check_width(path, shapes["weight"][1], width)

    tensors = read_tensors(path, check)
    if verify:  # which has read the whole file anyway; otherwise its values stay on disk
        require_finite(tensors, path)
    return tensors["weight"]


def _check_width(path: Path, found: int, expected: int) -> None:
    if found != expected:
        raise ModuleFormatError(f"{path}: the embeddings have {found} numbers per token, those of the base {expected}")
