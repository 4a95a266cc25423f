"""Turn sentences into token ids, and report which parts of them are lost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Encoding
from transformers import PreTrainedTokenizerFast

from adapters_hub.errors import InputTextError

logger = logging.getLogger(__name__)

TokenIds = tuple[int, ...]
# Share of a sentence's tokens; with more unknown ones it is probably in another language or script.
_TOO_MANY_UNKNOWN = 0.2
_SHOWN = 3
_SHOWN_SIGNS = 8


@dataclass(frozen=True)
class Tokens:
    """A sentence as the transformer reads it.

    Attributes:
        ids: token ids, including special tokens.
        unknown: the parts of the sentence that the vocabulary cannot represent, in order, without duplicates.
        cut: whether the sentence was cut because it has too many tokens.
    """

    ids: TokenIds
    unknown: tuple[str, ...]
    cut: bool


def tokenize(
    sentences: Sequence[str],
    prompt: str,
    tokenizer: PreTrainedTokenizerFast,
    max_length: int,
    where: str,
    numbers: Sequence[int],
) -> list[Tokens]:
    """The tokens of sentences, each after a prompt.

    Logs a warning about sentences that are cut, and about those that the vocabulary cannot represent: the vocabulary of
    a module that was made from text in one script knows no other script. In it, `where` says whose tokenizer this is,
    and `numbers` are those of the sentences.

    Raises:
        InputTextError: a sentence has no tokens.
    """
    texts = [prompt + sentence for sentence in sentences]
    encoded = tokenizer(texts, truncation=True, max_length=max_length, return_attention_mask=False)
    if not all(encoded["input_ids"]):
        bare = texts[encoded["input_ids"].index([])]
        raise InputTextError(f"{bare!r:.80} ({where}) has no token at all: none of its letters is in the vocabulary")
    unknown = tokenizer.unk_token_id
    found = [
        Tokens(
            tuple(encoding.ids),
            _unknown(text, len(prompt), encoding, unknown) if unknown in encoding.ids else (),
            bool(encoding.overflowing),
        )
        for text, encoding in zip(texts, encoded.encodings or (), strict=True)
    ]
    if cut := sum(tokens.cut for tokens in found):
        logger.warning(
            "%d of %d sentences (%s) have more than %d tokens and were cut", cut, len(found), where, max_length
        )
    lost = [(number, tokens) for number, tokens in zip(numbers, found, strict=True) if tokens.unknown]
    foreign = {number for number, tokens in lost if tokens.ids.count(unknown) > _TOO_MANY_UNKNOWN * len(tokens.ids)}  # type: ignore[arg-type]
    for wanted, words in (
        (
            True,
            "consist largely of letters that its vocabulary does not have (%s): are they in another language "
            "or script?",
        ),
        (False, "contain characters that its vocabulary does not have (%s)"),
    ):
        some = [(number, tokens.unknown) for number, tokens in lost if (number in foreign) == wanted]
        if some:
            logger.warning(f"%d of %d sentences (%s) {words}", len(some), len(found), where, _shown(some))
    return found


def _unknown(text: str, prompt: int, encoding: Encoding, unknown: int | None) -> tuple[str, ...]:
    """The parts of a text after its prompt that became the unknown token."""
    spans = (span for span, index in zip(encoding.offsets, encoding.ids, strict=True) if index == unknown)
    parts = (text[max(start, prompt) : end].strip() for start, end in spans)
    return tuple(dict.fromkeys(filter(None, parts)))


def _shown(lost: Sequence[tuple[int, tuple[str, ...]]]) -> str:
    """The first unknown parts, for a warning: `sentence 4: '€' '„'; sentence 7: '☃'; …`."""
    shown = [
        f"sentence {number}: {' '.join(f'{part!r:.40}' for part in parts[:_SHOWN_SIGNS])}"
        for number, parts in lost[:_SHOWN]
    ]
    return "; ".join([*shown, *(["…"] if len(lost) > _SHOWN else [])])
