"""How a base makes sentence vectors: as the user sets it, else as the base's files state, else as is usual."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
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
"""File in the folder of a fully fine-tuned encoder that records how it was trained, with its prompt and pooling."""
FINE_TUNED = "full "
"""The prefix of `kind` in this file."""
USUAL_LENGTH = 512
"""The maximum length, in tokens, if neither the user nor the base sets one."""


@dataclass(frozen=True)
class SentenceSettings:
    """How a sentence becomes a vector; see `BaseEncoder`."""

    prompt: str
    pooling: str
    max_length: int
    prompts: Mapping[str, str] = field(default_factory=dict)

    def with_told(self, told: dict[str, Any]) -> SentenceSettings:
        """A copy with the values that are not None in `told` replaced."""
        return dataclasses.replace(self, **{name: value for name, value in told.items() if value is not None})


@dataclass(frozen=True)
class Made:
    """How a base makes sentence vectors: the settings in use, and the usual ones, without the user's choices."""

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
    """Decide how a base makes sentence vectors, and log what was guessed.

    Its family is recognised by `name`. It has token vectors of `width` numbers, and `positions` for as many tokens.
    `told` is the user's `prompt`, `pooling` and `max_length`; None where the user sets nothing.

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
    # A SentenceTransformer whose files state no prompt needs none, unless its family is known to need one.
    if read["prompt"] is None and said.anything and family is None:
        read["prompt"] = ""
    if said.roles:
        read["prompts"] = said.roles
    if read["max_length"] is not None:
        read["max_length"] = min(read["max_length"], positions)
    usual = SentenceSettings(known.prompt, known.pooling, min(USUAL_LENGTH, positions), known.prompts).with_told(read)
    settings = usual.with_told(told)
    if told["prompt"] is not None:  # for every text
        settings = dataclasses.replace(settings, prompts={})
    dense = read_dense(files, list(said.dense), width)
    if dense is None and known.pooler and not said.anything and not recorded:
        dense = _pooler(files)
    _check_prompt(source, settings)
    guessed = [name for name, value in read.items() if value is None and told[name] is None]
    _say(source, settings, said, guessed, family is not None, told["prompt"] is None and "prompt" not in recorded)
    return Made(settings, usual, dense, said.lower_case)


def _check_prompt(source: str, settings: SentenceSettings) -> None:
    for prompt in (settings.prompt, *settings.prompts.values()):
        if settings.pooling == WITHOUT_PROMPT and prompt and not prompt[-1].isspace():
            raise BaseEncoderError(
                f"pooling {WITHOUT_PROMPT} needs prompts that end with a space, but a prompt of {source!r} is "
                f"{prompt!r}: set prompt to one that does, or its last token may run into the sentence"
            )


def _say(
    source: str, settings: SentenceSettings, said: Said, guessed: list[str], is_known: bool, chose_prompt: bool
) -> None:
    if guessed:
        taken = ", ".join(f"{name} {getattr(settings, name)!r}" for name in guessed)
        # No pooling is right for all encoders, so a guess from the architecture alone deserves a warning.
        level = logging.WARNING if "pooling" in guessed and not is_known else logging.INFO
        why = "usual for its family" if is_known else "usual for its architecture"
        logger.log(
            level,
            "the files of base encoder %s do not state %s: using %s",
            source,
            " and ".join(guessed),
            f"{taken} ({why})",
        )
    if said.prompts and chose_prompt and len(said.prompts) + (said.prompt_name is None) > 1:
        choice = f"{said.prompt_name!r} ({said.prompt!r})" if said.prompt_name else "none"
        logger.info("base encoder %s has the prompts %s: using %s", source, ", ".join(said.prompts), choice)


def _recorded(files: CheckpointFiles) -> dict[str, Any]:
    """The settings that an encoder was fine-tuned with; empty if this library's trainer did not fine-tune it."""
    values = files.json(TRAINING_FILE)
    if not isinstance(values, dict) or not str(values.get("kind")).startswith(FINE_TUNED):
        return {}
    recorded = {name: values.get(name) for name in ("prompt", "pooling")}
    if not isinstance(recorded["prompt"], str) or recorded["pooling"] not in POOLINGS:
        raise BaseEncoderError(
            f"{TRAINING_FILE} of {files.checkpoint!r}: expected a 'prompt' and a 'pooling' (one of "
            f"{', '.join(POOLINGS)}), found {recorded}"
        )
    prompts = values.get("prompts")
    if isinstance(prompts, dict) and all(isinstance(prompt, str) for prompt in prompts.values()):
        recorded["prompts"] = prompts
    length = values.get("max_length")
    return recorded | ({"max_length": length} if isinstance(length, int) and length > 0 else {})


def _pooler(files: CheckpointFiles) -> DenseLayers | None:
    """BERT's own pooler; None if the checkpoint does not have it."""
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
