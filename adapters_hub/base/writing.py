"""Write a base as a folder that `load_base` reads."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedTokenizerFast

from adapters_hub.base.loading import BaseEncoder
from adapters_hub.base.sentence_folder import write_sentence_folder


def write_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a tokenizer, equal files for equal tokenizers: it does not cut and pad as its last call did.

    Raises:
        OSError: the disk cannot take it.
    """
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:  # the tokenizers library raises bare Exception for a full disk
        raise OSError(str(error)) from error


def write_base(base: BaseEncoder, folder: Path) -> None:
    """Write the transformer, its tokenizer and its dense layers into a folder that may exist.

    The prompt, the pooling and the length come along where there are dense layers, which are written in
    sentence-transformers' way; elsewhere they are for the caller to keep.
    """
    base.backbone.save_pretrained(folder)
    write_tokenizer(base.tokenizer, folder)
    if base.dense is not None:
        write_sentence_folder(
            folder,
            pooling=base.pooling,
            prompt=base.prompt,
            width=base.width,
            dense=base.dense,
            transformer={"max_seq_length": base.max_length, "do_lower_case": False},
            versions={},
        )
