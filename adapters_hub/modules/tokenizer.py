"""Read the tokenizer of a language module: two files, which are checked before use and, if foreign, tried out."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import tokenizers
from transformers import PreTrainedTokenizerFast

from adapters_hub.base.tokenizers import SPECIAL_TOKENS, read_composed
from adapters_hub.errors import ModuleFormatError
from adapters_hub.folders import inner_path
from adapters_hub.format import TOKENIZER_FILES
from adapters_hub.json_files import load_json, parse_json, read_plain
from adapters_hub.modules import trial
from adapters_hub.modules.tokenizer_format import LARGEST_FILE, check_tokenizer

_SIDES = ("left", "right")
_LONGEST = 1 << 20
_PATIENCE = 180.0  # seconds of wall-clock time, enough even on a busy machine


def read_tokenizer(folder: Path, rows: int | None = None, *, tried: bool = False) -> PreTrainedTokenizerFast:
    """Read the tokenizer of a module from its `TOKENIZER_FILES` and no other files.

    Args:
        folder: the module's folder.
        rows: number of rows of the embeddings; None if unknown.
        tried: whether to try the tokenizer out first, in a separate process with limited memory and time; meant for
            modules that somebody else made.

    Raises:
        ModuleFormatError: a file is missing, or the tokenizer has parts that no module needs or that are out of bounds.
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
        # A panic of the tokenizers library is not an Exception, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModuleFormatError(f"{folder}: the tokenizer cannot be read ({error}): fetch the module again") from error
    read_composed(built.backend_tokenizer)  # modules of early versions lack this step
    # The file may hold the padding and truncation of the last call before it was saved, or others.
    built.backend_tokenizer.no_padding()
    built.backend_tokenizer.no_truncation()
    return built


def _settings(values: object) -> dict[str, Any]:
    """The settings in `tokenizer_config.json` that are needed besides `tokenizer.json` to build the tokenizer."""
    if not isinstance(values, dict):
        raise ValueError(f"{TOKENIZER_FILES[1]} does not hold a JSON object")
    settings: dict[str, Any] = {"clean_up_tokenization_spaces": values.get("clean_up_tokenization_spaces") is True}
    for role in SPECIAL_TOKENS:
        token = values.get(role)
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None and not isinstance(token, str):
            raise ValueError(f"{role} is not text")
        if token is not None:
            settings[role] = token
    extra = values.get("extra_special_tokens") or []
    if not isinstance(extra, list) or not all(isinstance(token, str) for token in extra):
        raise ValueError("extra_special_tokens is not a list of texts")
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
    """Try a tokenizer out in a separate process; one that passed, by its SHA-256, is not tried again.

    Raises:
        ValueError: the tokenizer failed; the message says how.
    """
    del digest
    library = Path(tokenizers.__file__).parent.parent
    # Run the file itself, because importing it as a part of this package takes seconds.
    command = [sys.executable, "-P", trial.__file__, str(library), str(path), str(-1 if rows is None else rows)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise ValueError("encoding with it takes too long") from None
    if done.returncode != trial.SOUND:
        said = done.stdout.decode("utf-8", "replace").strip() if done.returncode == trial.UNSOUND else ""
        raise ValueError(said or "encoding with it takes too much memory or time")
