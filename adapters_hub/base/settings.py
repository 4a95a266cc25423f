"""How a base makes vectors: what the user says, else what the base says, else what is usual."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any

from safetensors import safe_open

from adapters_hub.base.architectures import Architecture
from adapters_hub.base.dense import DenseLayers, pooler_layer, read_dense
from adapters_hub.base.families import Family, family_of
from adapters_hub.base.files import CheckpointFiles
from adapters_hub.base.sentence_folder import Said, read_sentence_folder
from adapters_hub.errors import BaseEncoderError
from adapters_hub.format import POOLINGS, WITHOUT_PROMPT

logger = logging.getLogger(__name__)

TRAINING_FILE = "training.json"
"""In the folder of an encoder that was fine-tuned whole: how, and with which prompt and pooling."""
FINE_TUNED = "full "
"""What `kind` says in this file."""
USUAL_LENGTH = 128
"""Tokens of a sentence that count where neither the user nor the base says how many."""


@dataclass(frozen=True)
class SentenceSettings:
    """How a sentence becomes a vector.

    Attributes:
        prompt: text put before it.
        pooling: one of `POOLINGS`.
        max_length: longest sequence in tokens; longer ones are cut.
    """

    prompt: str
    pooling: str
    max_length: int

    def with_told(self, told: dict[str, Any]) -> SentenceSettings:
        """These, but for what a user says; what is None is not said."""
        return dataclasses.replace(self, **{name: value for name, value in told.items() if value is not None})


@dataclass(frozen=True)
class Made:
    """How a base makes vectors, settled.

    Attributes:
        settings: those that hold.
        usual: those that hold where the user says nothing.
        dense: layers after pooling.
        lower_case: whether the tokenizer is to lower-case text.
    """

    settings: SentenceSettings
    usual: SentenceSettings
    dense: DenseLayers | None
    lower_case: bool


def settle(
    source: str,
    name: str,
    files: CheckpointFiles,
    architecture: Architecture,
    width: int,
    positions: int,
    told: dict[str, Any],
) -> Made:
    """Settle how a base makes vectors, and say in the log what was guessed.

    Args:
        source: of the base, for the log and errors.
        name: by which its family is recognised.
        files: of its checkpoint.
        architecture: of its transformer.
        width: of its transformer.
        positions: the longest sequence that it has positions for.
        told: `prompt`, `pooling` and `max_length` as the user says; None: nothing.

    Raises:
        BaseEncoderError: the files are damaged, or a setting is impossible.
    """
    length = told["max_length"]
    if length is not None and not 1 <= length <= positions:
        raise BaseEncoderError(
            f"expected max_length between 1 and {positions}, the positions of {source!r}; found {length}"
        )
    said = read_sentence_folder(files, ignore_pooling=told["pooling"] is not None)
    recorded = _recorded(files)
    family = family_of(name)
    known = Family("", architecture.pooling) if family is None else family
    read: dict[str, Any] = {"prompt": said.prompt, "pooling": said.pooling, "max_length": said.max_length} | recorded
    # A SentenceTransformer without prompts has none, unless its family is known to need one.
    if read["prompt"] is None and said.anything and family is None:
        read["prompt"] = ""
    if read["max_length"] is not None:
        read["max_length"] = min(read["max_length"], positions)
    usual = SentenceSettings(known.prompt, known.pooling, min(USUAL_LENGTH, positions)).with_told(read)
    settings = usual.with_told(told)
    dense = read_dense(files, list(said.dense), width)
    if dense is None and known.pooler and not said.anything and not recorded:
        dense = _pooler(files)
    _check_prompt(source, settings)
    guessed = [name for name, value in read.items() if value is None and told[name] is None]
    _say(source, settings, said, guessed, family is not None, told["prompt"] is None and "prompt" not in recorded)
    return Made(settings, usual, dense, said.lower_case)


def _check_prompt(source: str, settings: SentenceSettings) -> None:
    if settings.pooling == WITHOUT_PROMPT and settings.prompt and not settings.prompt[-1].isspace():
        raise BaseEncoderError(
            f"pooling {WITHOUT_PROMPT} needs a prompt that ends with a space, that of {source!r} is "
            f"{settings.prompt!r}: without one its last word and the sentence's first may share a token; set prompt"
        )


def _say(
    source: str, settings: SentenceSettings, said: Said, guessed: list[str], is_known: bool, chose_prompt: bool
) -> None:
    if guessed:
        taken = ", ".join(f"{name} {getattr(settings, name)!r}" for name in guessed)
        # How vectors are pooled has no default that does for all.
        level = logging.WARNING if "pooling" in guessed and not is_known else logging.INFO
        why = "as its family is known" if is_known else "as is usual for its architecture"
        logger.log(
            level,
            "the files of base encoder %s do not say %s: taken %s",
            source,
            " and ".join(guessed),
            f"{taken} ({why})",
        )
    if said.prompts and chose_prompt and len(said.prompts) + (said.prompt_name is None) > 1:
        choice = f"{said.prompt_name!r} ({said.prompt!r})" if said.prompt_name else "none"
        logger.info("of the prompts of base encoder %s (%s) is taken: %s", source, ", ".join(said.prompts), choice)


def _recorded(files: CheckpointFiles) -> dict[str, Any]:
    """Settings that an encoder was fine-tuned with; nothing if there is no such file, or it is not ours."""
    values = files.json(TRAINING_FILE)
    if not isinstance(values, dict) or not str(values.get("kind")).startswith(FINE_TUNED):
        return {}
    recorded = {name: values.get(name) for name in ("prompt", "pooling")}
    if not isinstance(recorded["prompt"], str) or recorded["pooling"] not in POOLINGS:
        raise BaseEncoderError(
            f"{TRAINING_FILE} of {files.checkpoint!r}: expected a 'prompt' and a 'pooling' (one of "
            f"{', '.join(POOLINGS)}), found {recorded}"
        )
    length = values.get("max_length")
    return recorded | ({"max_length": length} if isinstance(length, int) and length > 0 else {})


def _pooler(files: CheckpointFiles) -> DenseLayers | None:
    """BERT's own pooler, where the checkpoint has it."""
    path = files.path("model.safetensors")
    if path is None:
        return None
    with safe_open(path, "pt") as file:
        found = {
            kind: [name for name in file.keys() if f".{name}".endswith(f".pooler.dense.{kind}")]  # noqa: SIM118
            for kind in ("weight", "bias")
        }
        if not all(len(names) == 1 for names in found.values()):
            return None
        return pooler_layer(*(file.get_tensor(found[kind][0]) for kind in ("weight", "bias")))
