"""What the exports of one language share: they are made from a copy of its transformer, and compared with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adapters_hub.base.sentence_folder import write_sentence_folder
from adapters_hub.encoder import Extract, ModularEncoder
from adapters_hub.encoder.alignment import Align
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import WITHOUT_PROMPT
from adapters_hub.json_files import write_json

TOLERANCE = 1e-4
"""Largest difference allowed between an export and the encoder, in any component of a unit vector."""

_PROBES = 4


def compose(encoder: ModularEncoder, language: str, align: Align = False) -> Extract:
    """Copy one language out of an encoder in float32, on the CPU; arguments and errors as for `ModularEncoder.extract`.

    Raises:
        AdaptersHubError: the encoder computes in another precision.
    """
    if encoder.dtype != torch.float32:
        raise AdaptersHubError(
            f"an export needs an encoder in float32, this one is in {str(encoder.dtype).removeprefix('torch.')}: "
            "load it with dtype=torch.float32"
        )
    return encoder.extract(language, align=align).to("cpu")


def save_tokenizer(composed: Extract, folder: Path) -> None:
    """Write the tokenizer's files, with a class name that every release of transformers knows."""
    composed.tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, settings | {"tokenizer_class": "PreTrainedTokenizerFast"})


def write_sentence_files(
    composed: Extract, folder: Path, transformer: dict[str, Any], versions: dict[str, str]
) -> None:
    """Write the files that turn the folder of an export into a SentenceTransformer; see `write_sentence_folder`."""
    write_sentence_folder(
        folder,
        pooling=composed.manifest.pooling,
        prompt=composed.manifest.prompt,
        prompts=composed.prompts,
        width=composed.backbone.config.hidden_size,
        dense=composed.head.dense,
        transformer=transformer,
        versions=versions,
    )


def counts_prompt_alike(composed: Extract) -> bool:
    """Whether pooling in sentence-transformers leaves out the same prompt tokens as the encoder's, if any.

    It tokenizes the prompt alone, so a final space that becomes a token when nothing follows would count as one more.
    """
    if composed.manifest.pooling != WITHOUT_PROMPT:
        return True
    prompts = (composed.manifest.prompt, *composed.prompts.values())
    counts = [[len(composed.tokenizer(text)["input_ids"]) for text in (prompt, prompt.rstrip())] for prompt in prompts]
    return all(alone == words for alone, words in counts)


def probe_sentences(composed: Extract) -> list[str]:
    """Random texts from the language's own tokens, of one token to more than `max_length`; the same at every call."""
    tokenizer, max_length = composed.tokenizer, composed.manifest.max_length
    special = set(tokenizer.all_special_ids)
    ids = np.array([number for number in range(len(tokenizer)) if number not in special])
    random = np.random.default_rng(0)
    lengths = [1, 2, 7, 19, max_length // 2, 2 * max_length] * _PROBES
    texts = [str(tokenizer.decode(random.choice(ids, length).tolist())).strip() for length in lengths]
    return [text for text in texts if text]


def check_vectors(composed: Extract, encode: Callable[[list[str]], np.ndarray], what: str) -> float:
    """Compare an export's vectors with those of the language it was made from, for sentences together and one by one.

    Returns:
        The largest difference.

    Raises:
        AdaptersHubError: the difference is larger than `TOLERANCE`.
    """
    sentences = probe_sentences(composed)
    alone = sentences[: len(sentences) // _PROBES]
    found = np.concatenate([encode(sentences), *(encode([sentence]) for sentence in alone)])
    expected = composed.vectors([*sentences, *alone])
    difference = float(np.abs(found - expected).max(initial=0.0))
    if not difference <= TOLERANCE:  # also true for NaN
        raise AdaptersHubError(
            f"{what} was not written: its vectors differ by {difference:.1e} from the encoder's, expected at most "
            f"{TOLERANCE:.0e}: report it with the base's architecture and the versions of torch and transformers"
        )
    return difference
