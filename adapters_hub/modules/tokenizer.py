"""The tokenizer of a language module: of two files, checked before it is built, tried before it is used."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import tokenizers
from transformers import PreTrainedTokenizerFast

from adapters_hub.base.tokenizers import read_composed
from adapters_hub.errors import ModuleFormatError
from adapters_hub.folders import inner_path
from adapters_hub.format import TOKENIZER_FILES
from adapters_hub.json_files import load_json, parse_json, read_plain
from adapters_hub.modules import trial
from adapters_hub.modules.tokenizer_format import LARGEST_FILE, check_tokenizer

_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_SIDES = ("left", "right")
_LONGEST = 1 << 20
_PATIENCE = 180.0  # seconds on the clock, for a machine that does much else


def read_tokenizer(folder: Path, rows: int | None = None, *, tried: bool = False) -> PreTrainedTokenizerFast:
    """The tokenizer of a module.

    Nothing but `TOKENIZER_FILES` is read, whatever else lies there.

    Args:
        folder: of the module.
        rows: of the embeddings; None: not known.
        tried: encode with it first in a process of its own, which may take no more than so much memory and time: for
            modules that somebody else made.

    Raises:
        ModuleFormatError: a file is missing, or it has parts that no module needs, or that are out of bounds.
    """
    for name in TOKENIZER_FILES:
        if not inner_path(folder, name).is_file():
            raise ModuleFormatError(f"{folder}: the tokenizer file {name!r} is missing: fetch the module again")
    path, config = (folder / name for name in TOKENIZER_FILES)
    try:
        settings = _settings(load_json(config))
        content = read_plain(path, LARGEST_FILE)
        check_tokenizer(parse_json(content), rows)
        if tried:
            _try(hashlib.sha256(content).hexdigest(), path, rows)
        built = PreTrainedTokenizerFast(tokenizer_file=str(path), name_or_path=str(folder), **settings)
        if built.pad_token_id is None:
            raise ValueError("it has no padding token")
    except BaseException as error:
        # A panic of the tokenizers library is no Exception, and has no class that could be named.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModuleFormatError(f"{folder}: the tokenizer cannot be read ({error}): fetch the module again") from error
    read_composed(built.backend_tokenizer)  # of modules that were made before it was so of all
    # What the last call before it was saved had set, or what somebody wrote there.
    built.backend_tokenizer.no_padding()
    built.backend_tokenizer.no_truncation()
    return built


def _settings(values: object) -> dict[str, Any]:
    """Of `tokenizer_config.json`, what a tokenizer that is built from its `tokenizer.json` needs."""
    if not isinstance(values, dict):
        raise ValueError(f"{TOKENIZER_FILES[1]} does not hold a JSON object")
    settings: dict[str, Any] = {"clean_up_tokenization_spaces": values.get("clean_up_tokenization_spaces") is True}
    for role in _ROLES:
        token = values.get(role)
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None and not isinstance(token, str):
            raise ValueError(f"{role} is no text")
        if token is not None:
            settings[role] = token
    extra = values.get("extra_special_tokens") or []
    if not isinstance(extra, list) or not all(isinstance(token, str) for token in extra):
        raise ValueError("extra_special_tokens is no list of texts")
    if extra:
        settings["extra_special_tokens"] = extra
    length = values.get("model_max_length")
    if isinstance(length, int | float) and not isinstance(length, bool) and 1 <= length <= _LONGEST:
        settings["model_max_length"] = int(length)
    for side in ("padding_side", "truncation_side"):
        if values.get(side) in _SIDES:
            settings[side] = values[side]
    names = values.get("model_input_names")
    settings["model_input_names"] = names if isinstance(names, list) and _are_inputs(names) else list(_INPUTS)
    return settings


_INPUTS = ("input_ids", "attention_mask")


def _are_inputs(names: list[Any]) -> bool:
    return names[:1] == ["input_ids"] and all(name in (*_INPUTS, "token_type_ids") for name in names)


@functools.lru_cache(maxsize=4096)
def _try(digest: str, path: Path, rows: int | None) -> None:
    """Encode with a tokenizer in a process of its own; what was found sound is not tried again.

    Args:
        digest: of the file.
        path: of the file.
        rows: of the embeddings.

    Raises:
        ValueError: says what is wrong with it.
    """
    del digest
    library = Path(tokenizers.__file__).parent.parent
    # The file itself, not as a part of this package, whose import takes seconds.
    command = [sys.executable, "-P", trial.__file__, str(library), str(path), str(-1 if rows is None else rows)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise ValueError("encoding with it takes too long") from None
    if done.returncode != trial.SOUND:
        said = done.stdout.decode("utf-8", "replace").strip() if done.returncode == trial.UNSOUND else ""
        raise ValueError(said or "encoding with it takes too much memory or time")
