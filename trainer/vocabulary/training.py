"""Train a tokenizer of the base's kind on text of one language."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import plain_tokenizer
from trainer.settings import SettingsError
from trainer.vocabulary.characters import Characters
from trainer.vocabulary.editing import EditedTokenizer
from trainer.vocabulary.prompts import keep_prompts, prompt_words
from trainer.vocabulary.template import renumber_template
from trainer.vocabulary.tokens import WORD_START, TokenForms, reads_spaces_as_letters

logger = logging.getLogger(__name__)

# The result depends on the number of threads, so the number is fixed.
_THREADS = 4


def train_tokenizer(
    base: PreTrainedTokenizerFast,
    data: Dataset,
    size: int,
    *,
    characters: Characters | None = None,
    prompts: Sequence[str] = (),
    sample: int | None = None,
    seed: int = 0,
) -> PreTrainedTokenizerFast:
    """Train a tokenizer of the base's kind (algorithm, normalisation, special tokens) on the column `text`.

    SentencePiece trains Unigram tokenizers, and the `tokenizers` library trains BPE and WordPiece. Unigram and BPE
    results are reproducible; for WordPiece ties are broken differently from run to run.

    Args:
        base: the base's tokenizer.
        data: text of the language.
        size: largest number of tokens.
        characters: characters that get tokens even if the text lacks them: the language's letters, and those of the
            other characters for which the base has a token.
        prompts: texts put before sentences, which the tokenizer must split as the base's does.
        sample: largest number of texts to train on, drawn by `seed`; it limits time and memory.
        seed: the recipe's seed.

    Returns:
        A tokenizer with at most `size` tokens; fewer if the text does not give that many.

    Raises:
        SettingsError: `size` is too small for the characters.
    """
    content = json.loads(base.backend_tokenizer.to_str())
    data = _drawn(data, sample, seed)
    words = prompt_words(base, prompts)
    wanted = _single_tokens(base, content, characters) if characters is not None else []
    seen = {character for text in _normalised(base, data) for character in text}
    # Count these tokens before training, so that the trained tokens leave room for them.
    extra = [token for character, token in wanted if character not in seen]
    room = size - len(extra) - sum(len(token) for tokens in words.values() for token in tokens)
    if content["model"]["type"] == "Unigram":
        trained = _train_unigram(base, content, data, size, room)
    else:
        trained = _train_merges(base, content, data, room)
    edited = EditedTokenizer(trained)
    for token in extra:
        edited.add(token)
    keep_prompts(edited, words)
    if len(edited) > size:
        raise _too_small(size, data, f"their characters and those that are always kept take {len(edited)}")
    return edited.finish()


def _drawn(data: Dataset, sample: int | None, seed: int) -> Dataset:
    """Draw at most `sample` texts, keeping their order."""
    if sample is None or len(data) <= sample:
        return data
    logger.info("the tokenizer is trained on %d of %d texts", sample, len(data))
    return data.select(np.sort(np.random.default_rng(seed).choice(len(data), sample, replace=False)))


def _single_tokens(
    base: PreTrainedTokenizerFast, content: dict[str, Any], characters: Characters
) -> list[tuple[str, str]]:
    """Pairs of a character, after the base's normalisation, and a token that stands for it alone."""
    forms = TokenForms(content)
    known = base.get_vocab()
    tokens = [("", token) for token in sorted(known) if forms.has_bytes and forms.is_part_of_all(token)]
    if forms.byte_level:  # bytes can spell every character
        return tokens
    single = {text for token in known if (text := forms.text(token)) and len(text) == 1 and text in characters}
    normalizer = base.backend_tokenizer.normalizer
    texts = (normalizer.normalize_str(text) if normalizer is not None else text for text in single | characters.letters)
    for character in sorted({character for text in texts for character in text if not character.isspace()}):
        alone, marked = forms.of_character(character)
        tokens.append((character, alone))
        if content["model"]["type"] == "WordPiece" or (content["model"]["type"] == "Unigram" and marked in known):
            tokens.append((character, marked))
    return tokens


def _train_merges(
    base: PreTrainedTokenizerFast, content: dict[str, Any], data: Dataset, size: int
) -> PreTrainedTokenizerFast:
    batches = (batch["text"] for batch in data.iter(batch_size=1000))
    words = dict(content)
    if reads_spaces_as_letters(base):
        # Otherwise whole sentences would become tokens. Merges learnt within words never join words afterwards.
        words["pre_tokenizer"] = {
            "type": "Split",
            "pattern": {"String": WORD_START},
            "behavior": "MergedWithNext",
            "invert": False,
        }
    source = plain_tokenizer(base, tokenizer_object=Tokenizer.from_str(json.dumps(words)))
    # The trainer adds the letters of byte-level BPE itself, but not the tokens of byte fallback.
    missing = [token for token in TokenForms(content).bytes if len(token) > 1]
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
    base: PreTrainedTokenizerFast, content: dict[str, Any], data: Dataset, size: int, room: int
) -> PreTrainedTokenizerFast:
    added = sorted(content["added_tokens"], key=lambda entry: int(entry["id"]))
    special = [entry["content"] for entry in added]
    written = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=_normalised(base, data),
            model_writer=written,
            model_type="unigram",
            vocab_size=max(room - len(special) + 1, 2),  # + 1: its own unknown token is left out below
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
        raise _too_small(size, data, str(error).splitlines()[-1].strip()) from error
    trained = SentencePieceProcessor(model_proto=written.getvalue())
    pieces = [(trained.id_to_piece(index), trained.get_score(index)) for index in range(1, trained.get_piece_size())]
    vocabulary = [[token, 0.0] for token in special]
    vocabulary += [[piece, score] for piece, score in pieces if piece not in special]

    renumbered = {int(entry["id"]): new for new, entry in enumerate(added)}
    content["model"] |= {"vocab": vocabulary, "unk_id": special.index(str(base.unk_token))}
    content["added_tokens"] = [entry | {"id": new} for new, entry in enumerate(added)]
    renumber_template(content.get("post_processor"), renumbered)
    return plain_tokenizer(base, tokenizer_object=Tokenizer.from_str(json.dumps(content)))


def _too_small(size: int, data: Dataset, cause: str) -> SettingsError:
    return SettingsError(
        f"no tokenizer of {size} tokens can be trained on {len(data)} texts ({cause}): "
        "change vocabulary.size, or use strategy trim"
    )


def _normalised(base: PreTrainedTokenizerFast, data: Dataset) -> Iterator[str]:
    normalizer = base.backend_tokenizer.normalizer
    for batch in data.iter(batch_size=1000):
        for text in batch["text"]:
            yield normalizer.normalize_str(text) if normalizer is not None else text
