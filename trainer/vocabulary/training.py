"""Train a tokenizer of the base's kind on text of one language."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from datasets import Dataset
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import plain_tokenizer
from trainer.settings import SettingsError
from trainer.vocabulary.spelling import WORD_START, byte_tokens, reads_spaces_as_letters
from trainer.vocabulary.template import renumber_template

# The result depends on the number of threads, so it is not left to the machine.
_THREADS = 4


def train_tokenizer(base: PreTrainedTokenizerFast, data: Dataset, size: int) -> PreTrainedTokenizerFast:
    """Train a tokenizer of the base's kind (algorithm, normalisation, special tokens) on the column `text`.

    Unigram tokenizers are trained by SentencePiece, which gives the same tokenizer every time; the `tokenizers`
    library, which trains the others, does so for BPE but not for WordPiece, where ties fall differently from run to
    run.

    Returns:
        A tokenizer with at most `size` tokens; fewer if the text does not give that many.

    Raises:
        SettingsError: `size` is too small for the characters of the text.
    """
    content = json.loads(base.backend_tokenizer.to_str())
    if content["model"]["type"] == "Unigram":
        return _train_unigram(base, content, data, size)
    return _train_merges(base, content, data, size)


def _train_merges(
    base: PreTrainedTokenizerFast, content: dict[str, Any], data: Dataset, size: int
) -> PreTrainedTokenizerFast:
    batches = (batch["text"] for batch in data.iter(batch_size=1000))
    spelling = byte_tokens(content)
    words = dict(content)
    if reads_spaces_as_letters(base):
        # Otherwise whole sentences become tokens. What is learnt within words is not merged across them later.
        words["pre_tokenizer"] = {
            "type": "Split",
            "pattern": {"String": WORD_START},
            "behavior": "MergedWithNext",
            "invert": False,
        }
    source = plain_tokenizer(base, tokenizer_object=Tokenizer.from_str(json.dumps(words)))
    # Of byte-level BPE the trainer makes a letter of each byte itself; of byte fallback it knows nothing.
    missing = [token for token in spelling if len(token) > 1]
    trained = source.train_new_from_iterator(
        batches, vocab_size=max(size - len(missing), 1), length=len(data), show_progress=False
    )
    result = json.loads(trained.backend_tokenizer.to_str())
    vocabulary = result["model"]["vocab"]
    for token in missing:
        vocabulary.setdefault(token, len(vocabulary))
    result["pre_tokenizer"] = content["pre_tokenizer"]
    result["post_processor"] = content["post_processor"]
    added = {entry["content"]: int(entry["id"]) for entry in content["added_tokens"]}
    now = {entry["content"]: int(entry["id"]) for entry in result["added_tokens"]}
    renumber_template(result["post_processor"], {added[token]: new for token, new in now.items()})
    return plain_tokenizer(trained, tokenizer_object=Tokenizer.from_str(json.dumps(result)))


def _train_unigram(
    base: PreTrainedTokenizerFast, content: dict[str, Any], data: Dataset, size: int
) -> PreTrainedTokenizerFast:
    added = sorted(content["added_tokens"], key=lambda entry: int(entry["id"]))
    special = [entry["content"] for entry in added]
    written = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=_normalised(base, data),
            model_writer=written,
            model_type="unigram",
            vocab_size=max(size - len(special) + 1, 2),  # its own unknown token is left out below
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",
            max_sentence_length=1 << 16,
            num_threads=_THREADS,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        cause = str(error).splitlines()[-1].strip()
        raise SettingsError(
            f"no tokenizer of {size} tokens can be trained on {len(data)} texts ({cause}): "
            "change vocabulary.size, or use strategy trim"
        ) from error
    trained = SentencePieceProcessor(model_proto=written.getvalue())
    pieces = [(trained.id_to_piece(index), trained.get_score(index)) for index in range(1, trained.get_piece_size())]
    vocabulary = [[token, 0.0] for token in special]
    vocabulary += [[piece, score] for piece, score in pieces if piece not in special]

    renumbered = {int(entry["id"]): new for new, entry in enumerate(added)}
    content["model"] |= {"vocab": vocabulary, "unk_id": special.index(str(base.unk_token))}
    content["added_tokens"] = [entry | {"id": new} for new, entry in enumerate(added)]
    renumber_template(content.get("post_processor"), renumbered)
    return plain_tokenizer(base, tokenizer_object=Tokenizer.from_str(json.dumps(content)))


def _normalised(base: PreTrainedTokenizerFast, data: Dataset) -> Iterator[str]:
    normalizer = base.backend_tokenizer.normalizer
    for batch in data.iter(batch_size=1000):
        for text in batch["text"]:
            yield normalizer.normalize_str(text) if normalizer is not None else text
