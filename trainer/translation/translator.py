"""Translate with any sequence-to-sequence model of transformers."""

from __future__ import annotations

import contextlib
import difflib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

from adapters_hub.errors import AdaptersHubError
from trainer.translation.journal import Translation

logger = logging.getLogger(__name__)

_CODE = re.compile(r"[a-z]{2,3}_[A-Z][A-Za-z]{1,3}")
_PREFIXES = (">>{}<<", "<2{}>")  # tags of the target language: those of Marian's, and those of MADLAD's models


class TranslationError(AdaptersHubError):
    """Sentences cannot be translated: because of the settings, the model or the rows."""


@dataclass(kw_only=True)
class Decoding:
    """How a model translates, and what becomes of its translations.

    Args:
        revision: Commit, tag or branch of the model on the Hub.
        batch_size: Maximum number of sentences in a batch.
        tokens_per_batch: Maximum number of tokens in a batch, padding included.
        max_length: Maximum number of tokens: rows with a longer sentence are dropped, and longer translations count as
            cut off.
        num_beams: Number of beams; 1 is greedy decoding, which is faster.
        device: Device to compute on; by default a GPU if there is one.
        dtype: Precision to compute in.
        length_factor: Drop rows in which the length ratio (in characters) of a translation to its original is more than
            this many times higher or lower than usual (the median).
        script_share: Drop rows in which a smaller share of a translation's letters is in the target language's script;
            0 accepts any script.
    """

    revision: str | None = None
    batch_size: int = 64
    tokens_per_batch: int = 2048
    max_length: int = 256
    num_beams: int = 4
    device: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    length_factor: float = 2.5
    script_share: float = 0.5

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            TranslationError: names the option.
        """
        for name in ("batch_size", "tokens_per_batch", "max_length", "num_beams"):
            if getattr(self, name) < 1:
                raise TranslationError(f"--{name} must be at least 1, not {getattr(self, name)}")
        if self.length_factor <= 1 or not 0 <= self.script_share <= 1:
            raise TranslationError("--length_factor must be over 1, and --script_share between 0 and 1")


class Translator:
    """A translation model and its tokenizer, for one pair of languages.

    Args:
        model: a Hub id or a folder, with safetensors.
        source: the source language's code in the model's tokenizer.
        target: the target language's code in the model's tokenizer.
        decoding: how to translate.

    Raises:
        TranslationError: the model cannot be loaded, or does not know the languages.
    """

    def __init__(self, model: str, source: str, target: str, decoding: Decoding) -> None:
        self.name = model
        self.decoding = decoding
        self.model = _load_model(model, decoding)
        self.tokenizer = _load_tokenizer(model, decoding.revision)
        if self.tokenizer.pad_token_id is None:
            raise TranslationError(f"{model}: the tokenizer has no padding token, which batches need")
        self._prefix = ""
        self._first_token: int | None = None
        self._set_languages(source, target)

    def lengths(self, sentences: Sequence[str]) -> list[int]:
        """Number of tokens of each sentence, special tokens included."""
        return [len(ids) for ids in self.tokenizer(self._prefixed(sentences), verbose=False)["input_ids"]]

    @torch.inference_mode()
    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        """Translate a batch of sentences, none longer than `decoding.max_length` tokens."""
        batch = self.tokenizer(self._prefixed(sentences), padding=True, return_tensors="pt").to(self.model.device)
        options: dict[str, Any] = {} if self._first_token is None else {"forced_bos_token_id": self._first_token}
        made = self.model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            num_beams=self.decoding.num_beams,
            do_sample=False,
            max_new_tokens=self.decoding.max_length,
            **options,
        )
        ends = torch.tensor(self._ends, device=made.device)
        finished = (
            torch.isin(made[:, 1:], ends).any(dim=1).tolist()
        )  # the first may start the decoder, which can be an end token
        texts = self.tokenizer.batch_decode(made, skip_special_tokens=True)
        return [Translation(" ".join(text.split()), done) for text, done in zip(texts, finished, strict=True)]

    @property
    def _ends(self) -> list[int]:
        end = self.model.generation_config.eos_token_id
        return [self.tokenizer.eos_token_id] if end is None else end if isinstance(end, list) else [end]

    def _prefixed(self, sentences: Sequence[str]) -> list[str]:
        return [self._prefix + " ".join(sentence.split()) for sentence in sentences]

    def _set_languages(self, source: str, target: str) -> None:
        if hasattr(self.tokenizer, "src_lang"):
            self._token(source)  # some tokenizers accept any code, and take an unknown one for the unknown token
            self.tokenizer.src_lang = source
            self._first_token = self._token(target)
            return
        vocabulary = self.tokenizer.get_vocab()
        tags = [form.format(code) for form in _PREFIXES for code in (target, target.partition("_")[0])]
        if found := [tag for tag in tags if tag in vocabulary]:
            self._prefix = f"{found[0]} "
            return
        if known := sorted(token for token in vocabulary if re.fullmatch(r">>.+<<|<2[a-z]+.*>", token)):
            raise TranslationError(f"{self.name} does not translate to {target!r}; it knows {_some(known, target)}")
        logger.info("%s has no language codes: assuming that it translates from %s to %s", self.name, source, target)

    def _token(self, code: str) -> int:
        """The id of a language's token."""
        forms = getattr(self.tokenizer, "lang_code_to_token", None)
        known = _codes_in(self.tokenizer)
        if code not in known:
            raise TranslationError(f"{self.name} does not know the language {code!r}; it knows {_some(known, code)}")
        return int(self.tokenizer.convert_tokens_to_ids(forms[code] if forms else code))


def code_in_model(model: str, revision: str | None, candidates: Sequence[str]) -> str:
    """The code that a translation model has for a language.

    Args:
        model: a Hub id or a folder.
        revision: commit, tag or branch of the model on the Hub.
        candidates: possible codes of the language, the likeliest first; each also matches a code with a region (`kk`
            matches mBART's `kk_KZ`).

    Returns:
        The first code that the model has; the first candidate if the model has no language codes.

    Raises:
        TranslationError: the model is missing, or has language codes but none of these.
    """
    tokenizer = _load_tokenizer(model, revision)
    vocabulary = tokenizer.get_vocab()
    known = _codes_in(tokenizer) if hasattr(tokenizer, "src_lang") else []
    for candidate in candidates:
        with_region = re.compile(rf"{re.escape(candidate)}_[A-Z]{{2}}")
        if found := [code for code in known if code == candidate or with_region.fullmatch(code)]:
            return found[0]
        if any(form.format(candidate) in vocabulary for form in _PREFIXES):
            return candidate
    if known:
        raise TranslationError(
            f"{model} does not know {' or '.join(candidates)}; it knows {_some(known, candidates[0])}"
        )
    return candidates[0]


def _codes_in(tokenizer: Any) -> list[str]:  # noqa: ANN401
    """The codes of a tokenizer's source and target languages."""
    forms = getattr(tokenizer, "lang_code_to_token", None)
    return list(forms) if forms else [token for token in tokenizer.get_vocab() if _CODE.fullmatch(token)]


def _some(known: Sequence[str], wanted: str) -> str:
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.3) or sorted(known)[:3]
    return f"{len(known)}, for example {', '.join(near)}" if known else "none"


def _load_tokenizer(name: str, revision: str | None) -> Any:  # noqa: ANN401
    with _told(name):
        return AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)


def _load_model(name: str, decoding: Decoding) -> Any:  # noqa: ANN401
    options: dict[str, Any] = {"revision": decoding.revision, "trust_remote_code": False}
    with _told(name):
        config = AutoConfig.from_pretrained(name, **options)
        if not config.is_encoder_decoder:
            raise TranslationError(
                f"{name} is a {config.model_type} model: expected a sequence-to-sequence model such as NLLB-200, "
                "M2M100, mBART-50 or Marian"
            )
        dtype = getattr(torch, decoding.dtype)
        model = AutoModelForSeq2SeqLM.from_pretrained(name, dtype=dtype, use_safetensors=True, **options)
        model = model.to(decoding.device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
    # `translate` sets the maximum length, and a forced end token would hide that a translation was cut off.
    model.generation_config.max_length = None
    model.generation_config.forced_eos_token_id = None
    return model


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what transformers raises for a missing or unsuitable model into an error of one line."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        raise TranslationError(
            f"no translation model at {name!r}: expected a Hub id or a folder with config.json, a tokenizer and "
            f"safetensors ({str(error).strip().splitlines()[0]})"
        ) from error


def batches_of(lengths: Sequence[int], tokens_per_batch: int, batch_size: int) -> list[list[int]]:
    """Group sentences of similar length into batches, the longest first, so that a lack of memory shows at once.

    A batch has at most `batch_size` sentences and, padding included, `tokens_per_batch` tokens; a longer sentence gets
    its own batch. `lengths` are numbers of tokens, and each batch is a list of the sentences' indices.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        group = groups[-1] if groups else []
        if group and len(group) < batch_size and lengths[group[0]] * (len(group) + 1) <= tokens_per_batch:
            group.append(index)
        else:
            groups.append([index])
    return groups
