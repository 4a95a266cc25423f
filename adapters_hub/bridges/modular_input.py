"""A `ModularEncoder` as the first and only module of a SentenceTransformer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import torch

from adapters_hub.base import load_base, write_base
from adapters_hub.encoder import ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import AdaptersHubError, InputTextError, ModuleFormatError
from adapters_hub.folders import inner_path
from adapters_hub.hub import copy_module
from adapters_hub.hub.fetching import Fetched
from adapters_hub.modules import AlignmentAdapter, LanguageModule
from adapters_hub.requirements import needed_for
from adapters_hub.texts import Empty, read_texts

with needed_for("a composed SentenceTransformer"):
    from sentence_transformers.base.modules import InputModule

FILE_NAME = "modular_encoder.json"
FORMAT_VERSION = 1
_FACTS: dict[str, type | tuple[type, ...]] = {
    "base": dict,
    "modules": list,
    "default_language": str,
    "align": (bool, dict),
}
_MAX_BYTES = 1 << 20


class ModularInput(InputModule):
    """Encodes sentences by a `ModularEncoder` whose modules lie in the SentenceTransformer's folder.

    It has no parameters that sentence-transformers could train: it is for inference. `encode` of sentence-transformers
    takes `language=` (ISO 639-3, one for all sentences of the call), `align=` and `empty=` (see
    `ModularEncoder.encode`). Each language puts its own prompt before the sentences. Vectors `[n, dim]` have unit
    length.

    Args:
        folder: with `modular_encoder.json` in it.
        base: load the base encoder from here instead of where the folder says; its fingerprint must be the same.

    Raises:
        ModuleFormatError: the folder is not what `export_composed` wrote.
        BaseEncoderError: the base is not there.
        CompositionError: it is another base.
    """

    forward_kwargs = {"language", "align", "empty"}  # noqa: RUF012  # declared so by sentence-transformers
    save_in_root = True

    def __init__(self, folder: str | Path, base: str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = Path(folder)
        self._base_source = base
        self.facts = read_facts(self.folder)
        self.encoder = _load(self.folder, self.facts, base)
        self.default_language: str = self.facts["default_language"]
        self.default_align: Align = self.facts["align"]
        if self.default_language not in self.encoder.languages:
            raise ModuleFormatError(
                f"{self.folder}: the default language {self.default_language!r} has no module in it"
            )
        # Tells sentence-transformers the device, and this module when it is moved.
        self.register_buffer("_place", torch.empty(0, device=self.encoder.device), persistent=False)

    @property
    def tokenizer(self) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Of the default language."""
        return self.encoder._languages.memory(self.default_language).tokenizer

    @property
    def max_seq_length(self) -> int:
        """Of the default language, in tokens."""
        return self.encoder.manifest(self.default_language).max_length

    def get_embedding_dimension(self) -> int:
        """Length of the vectors."""
        return self.encoder.dimension

    def preprocess(
        self,
        inputs: Sequence[Any],
        prompt: str | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Sentences as they are: each language tokenizes them in its own way.

        Raises:
            InputTextError: a prompt is given.
        """
        if prompt:
            raise InputTextError(
                f"each language module has its own prompt, found another one, {prompt!r}: leave prompt and "
                "prompt_name out"
            )
        return {"sentences": list(inputs)}

    def forward(
        self,
        features: dict[str, Any],
        language: str | None = None,
        align: Align | None = None,
        empty: Empty = "error",
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Add `sentence_embedding` `[batch, dim]`.

        Args:
            features: with `sentences`.
            language: of all of them; None for the folder's default.
            align: None for the folder's default.
            empty: as for `ModularEncoder.encode`.
            kwargs: what other modules take; not used.

        Raises:
            InputTextError: see `ModularEncoder.encode`; or several languages, which sentence-transformers, that sorts
                the sentences by their length, cannot hand over.
        """
        if not (language is None or isinstance(language, str)):
            raise InputTextError(
                f"expected one language for all sentences of a call, found {type(language).__name__}: "
                "call encode once per language, or use ModularEncoder"
            )
        try:
            read_texts(features["sentences"], empty)
        except InputTextError as error:
            if len(features["sentences"]) < 2:
                raise
            raise InputTextError(
                f"{error} (numbered within a batch, which sentence-transformers sorts by length, the longest first)"
            ) from None
        features["sentence_embedding"] = self.encoder.encode(
            features["sentences"],
            language or self.default_language,
            align=self.default_align if align is None else align,
            batch_size=max(len(features["sentences"]), 1),
            empty=empty,
            convert_to="tensor",
        )
        return features

    def get_config_dict(self) -> dict[str, Any]:
        """What the vectors of a call without language and alignment depend on."""
        vectors = self.encoder.fingerprints(self.default_language, align=self.default_align)
        return {"vectors": vectors, "precision": str(self.encoder.dtype)}

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:  # noqa: ANN401
        """Copy the modules and what is recorded of them; a base that lies in the folder goes along."""
        _copy(self.folder, Path(output_path), self.facts)

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Self:
        """Load it as `SentenceTransformer(…, trust_remote_code=True)` does.

        Args:
            model_name_or_path: a folder, or a repo of the Hub.
            subfolder: of this module in it.
            token: of the Hub.
            cache_folder: of the Hub.
            revision: of the repo.
            local_files_only: do not ask the Hub for this folder.
            model_kwargs: `{"base": …}` loads the base encoder from another place.
            kwargs: what other modules take; not used.
        """
        folder = cls.load_dir_path(
            model_name_or_path,
            subfolder=subfolder,
            token=token,
            cache_folder=cache_folder,
            revision=revision,
            local_files_only=local_files_only,
        )
        return cls(folder or model_name_or_path, (model_kwargs or {}).get("base"))

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Follow when sentence-transformers moves the model to another device or precision."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        place: torch.Tensor = self._place
        if (place.device, place.dtype) != (self.encoder.device, self.encoder.dtype):
            self.encoder._composition.activate(None)  # hands the base over as it came
            self.encoder = _load(self.folder, self.facts, self.encoder.base, place.device, place.dtype)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Locks cannot be sent to the processes of a pool; the folder can be read there.
        return type(self), (self.folder, self._base_source)


def write_modular(
    folder: Path, encoder: ModularEncoder, languages: Sequence[str], default: str, align: Align, include_base: bool
) -> None:
    """Write the modules of some languages, all their alignment adapters and the reference to the base into `folder`."""
    names = []
    for code in languages:
        language = encoder._languages.find(code)
        modules: list[LanguageModule | AlignmentAdapter] = [language.module, *language.adapters.values()]
        for module in modules:
            module.check_unchanged()
            names.append(f"modules/{module.manifest.name}")
            copy_module(Fetched(module.folder, None), folder / names[-1])
    base = encoder.base
    facts = {
        "format_version": FORMAT_VERSION,
        "base": {
            "source": "base" if include_base else base.source,
            "inside": include_base,
            "revision": None if include_base else base.revision,
            "fingerprint": base.fingerprint,
            "hub_id": base.hub_id,
            "prompt": base.prompt,
            "pooling": base.pooling,
            "max_length": base.max_length,
        },
        "default_language": default,
        "align": align,
        "modules": names,
    }
    if include_base:
        with encoder._lock:
            encoder._composition.activate(None)
            write_base(base, folder / "base")
    _write_facts(folder, facts)


def read_facts(folder: Path) -> dict[str, Any]:
    """What `write_modular` recorded, checked.

    Raises:
        ModuleFormatError: it is missing, not valid, newer, or names something outside the folder.
    """
    path = inner_path(folder, FILE_NAME)
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        raise ModuleFormatError(f"{folder} has no usable {FILE_NAME}: expected a folder that export_composed wrote")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModuleFormatError(f"{path} is not valid JSON ({error}): export it again") from error
    version = facts.get("format_version") if isinstance(facts, dict) else None
    if version != FORMAT_VERSION:
        raise ModuleFormatError(
            f"{path}: expected format_version {FORMAT_VERSION}, found {version!r}: "
            "pip install --upgrade modular-sentence-encoders, or export it again"
        )
    for name, kind in _FACTS.items():
        if not isinstance(facts.get(name), kind):
            raise ModuleFormatError(f"{path}: {name!r} cannot be {facts.get(name)!r}: export it again")
    base = facts["base"]
    if not isinstance(base.get("source"), str) or not isinstance(base.get("fingerprint"), str):
        raise ModuleFormatError(f"{path}: 'base' names no source and fingerprint: export it again")
    for name in (*facts["modules"], *([base["source"]] if base.get("inside") else [])):
        if not isinstance(name, str):
            raise ModuleFormatError(f"{path}: a module folder cannot be {name!r}: export it again")
        inner_path(folder, name)
    return dict(facts)


def _load(
    folder: Path,
    facts: dict[str, Any],
    base: Any = None,  # noqa: ANN401
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> ModularEncoder:
    recorded = facts["base"]
    if base is None or isinstance(base, str):
        inside = recorded.get("inside") and base is None
        base = load_base(
            base or (str(inner_path(folder, recorded["source"])) if inside else recorded["source"]),
            revision=None if inside or base else recorded.get("revision"),
            prompt=recorded.get("prompt"),
            pooling=recorded.get("pooling"),
            max_length=recorded.get("max_length"),
        )
    if base.fingerprint != recorded["fingerprint"]:
        raise AdaptersHubError(
            f"{folder} was made for the base {recorded['source']!r} (fingerprint {recorded['fingerprint'][:12]}), "
            f"found {base.source!r} ({base.fingerprint[:12]}): "
            "give the place of that base by model_kwargs={'base': …}"
        )
    modules = [inner_path(folder, name) for name in facts["modules"]]
    return ModularEncoder(base, modules, device=device, dtype=dtype)


def _copy(source: Path, target: Path, facts: dict[str, Any]) -> None:
    import shutil

    for name in (*facts["modules"], *([facts["base"]["source"]] if facts["base"].get("inside") else [])):
        if (target / name).resolve() != (source / name).resolve():
            shutil.copytree(inner_path(source, name), target / name, dirs_exist_ok=True)
    _write_facts(target, facts)


def _write_facts(folder: Path, facts: dict[str, Any]) -> None:
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
