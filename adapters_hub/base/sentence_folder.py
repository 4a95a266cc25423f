"""Read and write the files in which a SentenceTransformer states how it makes sentence vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters_hub.base.dense import DenseLayer, DenseLayers, write_dense
from adapters_hub.base.files import CheckpointFiles
from adapters_hub.errors import BaseEncoderError
from adapters_hub.format import POOLINGS, WITHOUT_PROMPT
from adapters_hub.json_files import write_json

_MODULES_FILE = "modules.json"
_PROMPTS_FILE = "config_sentence_transformers.json"
_TRANSFORMER_FILES = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_xlm-roberta_config.json",
)
_TYPES = {kind: f"sentence_transformers.models.{kind}" for kind in ("Transformer", "Pooling", "Dense", "Normalize")}
"""Type names that every release of sentence-transformers knows, by kind of module."""
_IN_ORDER = "Transformer, Pooling, Dense layers, Normalize"

_POOLINGS = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
"""Pooling modes of sentence-transformers, and this library's names for them."""
_OLD_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# Names of prompts for tasks that treat both texts alike, the best match first.
_SYMMETRIC = ("sts", "sentence similarity", "sentence-similarity", "similarity", "text-matching", "symmetric")
_ROLES = {"query": ("query",), "document": ("document", "passage", "corpus")}
# A tokenizer without a configured length reports a number like 1e30.
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Said:
    """What a SentenceTransformer's files state; a value that they do not state is None.

    Attributes:
        anything: whether the checkpoint has such files.
        pooling: one of `POOLINGS`.
        prompt: text put before every sentence.
        prompt_name: the name of this prompt in the files; None if none of the named prompts is used.
        prompts: all prompts that are not empty, by their names in the files.
        max_length: longest sequence in tokens.
        dense: folders of the dense layers, in order.
        lower_case: whether text is lower-cased before it is tokenized.
    """

    anything: bool = False
    pooling: str | None = None
    prompt: str | None = None
    prompt_name: str | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    max_length: int | None = None
    dense: tuple[str, ...] = ()
    lower_case: bool = False

    @property
    def roles(self) -> dict[str, str]:
        """The prompts of queries and documents, if there are any, by the names that sentence-transformers uses."""
        found = {
            role: next((self.prompts[name] for name in names if name in self.prompts), None)
            for role, names in _ROLES.items()
        }
        return {role: prompt for role, prompt in found.items() if prompt is not None}


def read_sentence_folder(files: CheckpointFiles, ignore_pooling: bool = False) -> Said:
    """Read what a checkpoint's files state; without `modules.json` they state nothing.

    With `ignore_pooling`, the pooling is not read, and may be one that this library does not support.

    Raises:
        BaseEncoderError: the files are damaged, or they make vectors in a way that this library does not support.
    """
    modules = files.json(_MODULES_FILE)
    if modules is None:
        return Said()
    folders = _folders(files, modules)
    transformer = next((found for name in _TRANSFORMER_FILES if (found := files.json(name)) is not None), None)
    transformer = transformer if isinstance(transformer, dict) else {}
    prompts = files.json(_PROMPTS_FILE)
    name, prompt, named = _prompt(prompts if isinstance(prompts, dict) else {})
    return Said(
        anything=True,
        pooling=None if ignore_pooling else _pooling(files, folders["Pooling"][0]),
        prompt=prompt,
        prompt_name=name,
        prompts=named,
        max_length=_length(files, transformer),
        dense=tuple(folders["Dense"]),
        lower_case=transformer.get("do_lower_case") is True,
    )


def _folders(files: CheckpointFiles, modules: Any) -> dict[str, list[str]]:  # noqa: ANN401
    """The folders of each kind of module, in the order of `modules.json`."""
    where = f"{_MODULES_FILE} of base encoder {files.checkpoint!r}"
    folders: dict[str, list[str]] = {kind: [] for kind in _TYPES}
    kinds: list[str] = []
    for entry in modules if isinstance(modules, list) else [None]:
        path, name = (entry.get("path"), entry.get("type")) if isinstance(entry, dict) else (None, None)
        if not isinstance(path, str) or not isinstance(name, str):
            raise BaseEncoderError(f"{where} is not a list of modules with path and type: fetch the base again")
        library, _, kind = name.partition(".")[0], *name.rpartition(".")[1:]
        if library != "sentence_transformers" or kind not in (*_TYPES, "Dropout"):
            raise BaseEncoderError(f"{where} has a module of type {name!r}; supported are {_IN_ORDER}")
        if kind != "Dropout":  # it only matters in training
            folders[kind].append(path)
            kinds.append(kind)
    if (
        kinds[:2] != ["Transformer", "Pooling"]
        or sorted(kinds, key=list(_TYPES).index) != kinds
        or folders["Pooling"][1:]
    ):
        raise BaseEncoderError(f"{where} has the modules {', '.join(kinds)}; expected {_IN_ORDER}, in this order")
    if folders["Transformer"] != [""]:
        raise BaseEncoderError(
            f"{where} has its transformer in the folder {folders['Transformer'][0]!r}, expected it beside "
            f"{_MODULES_FILE}: load it with sentence-transformers, save it again, and take that folder"
        )
    return folders


def _pooling(files: CheckpointFiles, folder: str) -> str:
    config = files.json(f"{folder}/config.json")
    if not isinstance(config, dict):
        raise BaseEncoderError(f"base encoder {files.checkpoint!r} has no {folder}/config.json: fetch it again")
    modes = config.get("pooling_mode") or [mode for key, mode in _OLD_KEYS.items() if config.get(key)] or ["mean"]
    modes = [modes] if isinstance(modes, str) else list(modes)
    ours = _POOLINGS.get(str(modes[0]))
    if config.get("include_prompt", True) is False and ours != "last":  # the last token never belongs to the prompt
        ours = WITHOUT_PROMPT if ours == "mean" else None
    if len(modes) > 1 or ours not in POOLINGS:
        prompt = "" if config.get("include_prompt", True) else " without the prompt"
        raise BaseEncoderError(
            f"base encoder {files.checkpoint!r} pools by {' and '.join(map(str, modes))}{prompt}; supported are "
            f"{', '.join(POOLINGS)}: pass pooling=… to override it"
        )
    return ours


def _prompt(config: dict[str, Any]) -> tuple[str | None, str | None, dict[str, str]]:
    """Name and text of the prompt to use, and all prompts that are not empty, by name."""
    given = config.get("prompts")
    prompts = {name: text for name, text in given.items() if isinstance(text, str)} if isinstance(given, dict) else {}
    names = {name: text for name, text in prompts.items() if text}
    default = config.get("default_prompt_name")
    if default in prompts:
        return default, prompts[default], names
    symmetric = [name for wanted in _SYMMETRIC for name in names if name.lower() == wanted]
    if symmetric:
        return symmetric[0], prompts[symmetric[0]], names
    if not names:  # sentence-transformers writes empty prompts where none were set, so these state nothing
        return None, None, {}
    # If both queries and documents have a prompt, the one of queries suits both texts. Otherwise neither text gets a
    # prompt, which is also what `encode` of sentence-transformers does by default.
    if "query" in names and names.keys() & _ROLES["document"]:
        return "query", prompts["query"], names
    return None, "", names


def _length(files: CheckpointFiles, transformer: dict[str, Any]) -> int | None:
    length = transformer.get("max_seq_length")
    if length is None:
        tokenizer = files.json("tokenizer_config.json")
        length = tokenizer.get("model_max_length") if isinstance(tokenizer, dict) else None
    if isinstance(length, bool) or not isinstance(length, int | float) or not 1 <= length <= _LONGEST:
        return None
    return int(length)


def write_sentence_folder(
    folder: Path,
    *,
    pooling: str,
    prompt: str,
    prompts: Mapping[str, str],
    width: int,
    dense: DenseLayers | None,
    transformer: dict[str, Any],
    versions: dict[str, str],
) -> None:
    """Write the files that turn a folder with a transformer and its tokenizer into a SentenceTransformer.

    `width` is the length of the transformer's token vectors, `transformer` the content of `sentence_bert_config.json`.
    """
    layers = [layer for layer in dense or () if isinstance(layer, DenseLayer)]
    kinds = ["Transformer", "Pooling", *("Dense" for _ in layers), "Normalize"]
    entries = [
        {"idx": index, "name": str(index), "path": f"{index}_{kind}" if index else "", "type": _TYPES[kind]}
        for index, kind in enumerate(kinds)
    ]
    write_json(folder / _MODULES_FILE, entries)
    write_json(folder / _TRANSFORMER_FILES[0], transformer)
    theirs = {ours: mode for mode, ours in _POOLINGS.items()} | {WITHOUT_PROMPT: "mean"}
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": width,
            "pooling_mode": theirs[pooling],
            "include_prompt": pooling != WITHOUT_PROMPT,
        },
    )
    for index, layer in enumerate(layers, start=2):
        write_dense(folder / f"{index}_Dense", layer)
    write_json(folder / f"{len(kinds) - 1}_Normalize" / "config.json", {})
    write_json(folder / _PROMPTS_FILE, model_config(*named_prompts(prompt, prompts), versions))


def named_prompts(prompt: str, prompts: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The prompts by the names that sentence-transformers and MTEB know, and the name of the default one."""
    named = dict.fromkeys(_ROLES, prompt) | dict(prompts)
    if prompt == named["query"]:
        return named, "query"
    return named | {"similarity": prompt}, "similarity"


def model_config(prompts: dict[str, str], default: str | None, versions: dict[str, str]) -> dict[str, Any]:
    """The content of `config_sentence_transformers.json`."""
    return {
        "model_type": "SentenceTransformer",
        "__version__": versions,
        "prompts": prompts,
        "default_prompt_name": default,
        "similarity_fn_name": "cosine",
    }
