"""From sentences to token ids, with a warning where something of them is lost."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from adapters_hub.errors import InputTextError

logger = logging.getLogger(__name__)

TokenIds = tuple[int, ...]
# Of a sentence's tokens; a name or a sign that is unknown is no reason to warn.
_TOO_MANY_UNKNOWN = 0.2


def token_ids(
    sentences: Sequence[str], tokenizer: PreTrainedTokenizerFast, max_length: int, where: str
) -> list[TokenIds]:
    """The token ids of sentences, special tokens included.

    Warns of sentences that are cut, and of those that the vocabulary cannot write: a module whose vocabulary was made
    from text in one script knows no other.

    Args:
        sentences: with their prompt.
        tokenizer: the module's or the base's.
        max_length: tokens that are kept.
        where: whose tokenizer it is, for the warnings.

    Raises:
        InputTextError: a sentence has no token.
    """
    encoded = tokenizer(list(sentences), truncation=True, max_length=max_length, return_attention_mask=False)
    ids: list[TokenIds] = [tuple(row) for row in encoded["input_ids"]]
    if not all(ids):
        raise InputTextError(
            f"{sentences[ids.index(())]!r:.80} ({where}) has no token at all: none of its letters is in the vocabulary"
        )
    if cut := sum(bool(encoding.overflowing) for encoding in encoded.encodings or ()):
        logger.warning(
            "%d of %d sentences (%s) have more than %d tokens and were cut", cut, len(ids), where, max_length
        )
    unknown = tokenizer.unk_token_id
    if lost := sum(row.count(unknown) > _TOO_MANY_UNKNOWN * len(row) for row in ids):  # type: ignore[arg-type]
        logger.warning(
            "%d of %d sentences (%s) consist in good part of letters that its vocabulary does not have: are they of "
            "another language or script?",
            lost,
            len(ids),
            where,
        )
    return ids
