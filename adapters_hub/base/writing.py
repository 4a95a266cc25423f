"""Write a base into a folder that `load_base` can read."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedTokenizerFast

from adapters_hub.base.loading import BaseEncoder
from adapters_hub.base.sentence_folder import write_sentence_folder


def write_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a tokenizer so that equal tokenizers give equal files.

    The truncation and padding that its last call left behind are reset first.

    Raises:
        OSError: the files cannot be written, for example because the disk is full.
    """
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:  # the tokenizers library raises bare Exception for a full disk
        raise OSError(str(error)) from error


def write_base(base: BaseEncoder, folder: Path) -> None:
    """Write the transformer, its tokenizer and its dense layers into a new or existing folder.

    A base with dense layers is written in the format of sentence-transformers, which includes the prompt, the pooling
    and the maximum length. For a base without them, the caller has to record these three.
    """
    base.backbone.save_pretrained(folder)
    write_tokenizer(base.tokenizer, folder)
    if base.dense is not None:
        write_sentence_folder(
            folder,
            pooling=base.pooling,
            prompt=base.prompt,
            prompts=base.prompts,
            width=base.width,
            dense=base.dense,
            transformer={"max_seq_length": base.max_length, "do_lower_case": False},
            versions={},
        )
