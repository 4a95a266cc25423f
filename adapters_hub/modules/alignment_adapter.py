"""Alignment adapters: folders that stage 2 makes, each for one language, pivot language and objective."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from safetensors.torch import save_file
from torch import nn

from adapters_hub.base.loading import BaseEncoder
from adapters_hub.errors import CompositionError, ModuleFormatError
from adapters_hub.folders import FileState, file_state, write_folder
from adapters_hub.format import ADAPTER_FILES, AlignmentManifest, list_files
from adapters_hub.hub import Hub, PublishedModule, fetch_checked
from adapters_hub.json_files import write_json
from adapters_hub.modules.bottleneck import BottleneckConfig, Bottlenecks
from adapters_hub.modules.language_module import LanguageModule
from adapters_hub.modules.tensors import Shapes, halved, read_config, read_tensors, require_finite

_CONFIG, _WEIGHTS = ADAPTER_FILES
_NOTES = {"base_model_name_or_path"}


@dataclass
class AlignmentAdapter(PublishedModule):
    """Parallel bottlenecks, frozen, that align one language with the pivot language."""

    manifest: AlignmentManifest
    bottlenecks: Bottlenecks
    folder: Path
    address: str | None = None
    states: Mapping[str, FileState | None] = field(default_factory=dict)

    @property
    def objective(self) -> str:
        """What it was trained with: one of `OBJECTIVES`, such as `paraphrase`, `parallel` or `both`."""
        return self.manifest.objective

    @classmethod
    def load(
        cls,
        source: str | os.PathLike[str],
        *,
        hub: Hub | str | os.PathLike[str] | None = None,
        verify: bool = True,
        base: BaseEncoder | None = None,
    ) -> AlignmentAdapter:
        """Load and check an adapter; arguments and errors are those of `LanguageModule.load`."""
        folder, address = fetch_checked(source, hub, content=verify)
        manifest = AlignmentManifest.read(folder)
        states = {name: file_state(folder / name) for name in manifest.needed_files}
        if base is not None:
            manifest.base.check(base.fingerprint, f"the alignment adapter of {manifest.language!r}")
        values = read_config(folder / _CONFIG)
        names = {field.name for field in dataclasses.fields(BottleneckConfig)}
        try:
            if odd := sorted(values.keys() - names - _NOTES):
                raise ModuleFormatError(f"the option {odd[0]!r:.80} is not supported: train it without this option")
            config = BottleneckConfig(**{key: value for key, value in values.items() if key in names})
            if base is not None:
                _check_blocks(config, base)
            tensors = read_tensors(folder / _WEIGHTS, functools.partial(_check_shapes, config))
            require_finite(tensors, folder / _WEIGHTS)
            bottlenecks = Bottlenecks(config)
            bottlenecks.load_state_dict(tensors, strict=True)
        except (TypeError, RuntimeError, ArithmeticError, ModuleFormatError) as error:
            raise ModuleFormatError(f"{folder}: not a usable alignment adapter: {error}") from error
        return cls(manifest, bottlenecks.requires_grad_(False).eval(), folder.absolute(), address, states)

    def check_base(self, base: BaseEncoder) -> None:
        """Refuse a base that the adapter was not trained on.

        Raises:
            CompositionError: the fingerprints differ.
            ModuleFormatError: the bottlenecks do not fit the base's blocks.
        """
        self.manifest.base.check(base.fingerprint, f"the alignment adapter of {self.language!r}")
        try:
            _check_blocks(self.bottlenecks.config, base)
        except ModuleFormatError as error:
            raise ModuleFormatError(f"{self.folder}: {error}") from None

    def check_target(self, module: LanguageModule) -> None:
        """Refuse a language module that the adapter was not trained on.

        Raises:
            CompositionError: the module is for another language, or is another module for this language.
        """
        _check_module(self, "target", self.language, self.manifest.target_fingerprint, module)

    def check_pivot(self, module: LanguageModule) -> None:
        """Refuse a pivot module that the adapter was not trained with.

        Raises:
            CompositionError: the module is for another pivot language, or is another module for this one.
        """
        _check_module(self, "pivot", self.manifest.pivot, self.manifest.pivot_fingerprint, module)


def save_alignment_adapter(
    target: str | os.PathLike[str], manifest: AlignmentManifest, bottlenecks: Bottlenecks, *, replace: bool = False
) -> AlignmentAdapter:
    """Write an adapter folder, completely or not at all, and load it back.

    Args:
        target: the folder to make.
        manifest: the manifest; its `files` and `fingerprint` are filled in here.
        bottlenecks: the weights, which are written in half precision (see `halved`).
        replace: whether to replace an existing folder.

    Raises:
        ModuleFormatError: the weights are not all finite, see `require_finite`.
    """
    require_finite(bottlenecks.state_dict(), target)
    with write_folder(target, replace=replace) as folder:
        base = manifest.base.source if manifest.base.hub_id else Path(manifest.base.source).name  # never a local path
        config = dataclasses.asdict(bottlenecks.config) | {"base_model_name_or_path": base}
        write_json(folder / _CONFIG, config)
        save_file(halved(bottlenecks.state_dict()), folder / _WEIGHTS, metadata={"format": "pt"})
        manifest = dataclasses.replace(manifest, files=list_files(folder))
        dataclasses.replace(manifest, fingerprint=manifest.computed_fingerprint()).write(folder)
    return AlignmentAdapter.load(Path(target), verify=False)


def _check_module(
    adapter: AlignmentAdapter, role: str, language: str, fingerprint: str, module: LanguageModule
) -> None:
    what = f"the alignment adapter {adapter.language!r} ({adapter.objective})"
    if module.language != language:
        raise CompositionError(f"{what} has the {role} language {language!r}, not {module.language!r}")
    if module.manifest.fingerprint != fingerprint:
        raise CompositionError(
            f"{what} was trained with another {role} module of {language!r} (fingerprint {fingerprint[:12]}, "
            f"loaded {module.manifest.fingerprint[:12]}): load that module, or train the adapter again"
        )


def _check_blocks(config: BottleneckConfig, base: BaseEncoder) -> None:
    blocks = len(cast(nn.ModuleList, base.backbone.get_submodule(base.architecture.blocks)))
    if (config.num_layers, config.hidden_size) != (blocks, base.width):
        raise ModuleFormatError(
            f"bottlenecks for {config.num_layers} blocks of width {config.hidden_size} do not fit the base, which has "
            f"{blocks} of width {base.width}: load the base that they were trained on"
        )


def _check_shapes(config: BottleneckConfig, shapes: Shapes) -> None:
    """Compare the stored shapes with the config, before memory is allocated for what the config claims."""
    if len(shapes) != 4 * config.num_layers:
        raise ModuleFormatError(
            f"expected {4 * config.num_layers} tensors, found {len(shapes)}: fetch the adapter again"
        )
    for name, shape in config.shapes.items():
        if shapes.get(name) != shape:
            found = list(shapes[name]) if name in shapes else "none"
            raise ModuleFormatError(f"expected {name} {list(shape)}, found {found}: fetch the adapter again")
