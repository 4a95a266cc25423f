"""The tokenizer of a base, loaded on first use and set to a language's tag if it has language tags."""

from __future__ import annotations

from collections.abc import Callable

from tokenizers import Tokenizer
from tokenizers.normalizers import NFC, NFD, NFKC, NFKD, Lowercase, Sequence
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from adapters_hub.base.language_tags import for_language, tag_of, tags_of
from adapters_hub.errors import BaseEncoderError, first_line

SPECIAL_TOKENS = ("bos_token", "eos_token", "cls_token", "sep_token", "pad_token", "unk_token", "mask_token")


class BaseTokenizer:
    """The tokenizer of a base, loaded on first use.

    Most language modules bring their own tokenizer, and loading that of a multilingual base takes seconds and hundreds
    of megabytes.
    """

    def __init__(self, load: Callable[[], PreTrainedTokenizerFast]) -> None:
        self._load = load
        self._loaded: PreTrainedTokenizerFast | None = None
        self._by_tag: dict[str | None, PreTrainedTokenizerFast] = {}

    def of(self, language: str | None = None) -> PreTrainedTokenizerFast:
        """The tokenizer for a language (ISO 639-3), set to its tag if there are tags; None gives the default tag.

        Raises:
            BaseEncoderError: the base has no tokenizer, or not a fast one.
        """
        if self._loaded is None:
            self._loaded = self._load()
        found = for_language(self._loaded, language)
        # One tokenizer for each tag, not one for each language or call.
        return self._by_tag.setdefault(tag_of(found), found)


def load_tokenizer(source: str, checkpoint: str, revision: str | None, lower_case: bool) -> PreTrainedTokenizerFast:
    """Read a base's tokenizer.

    Raises:
        BaseEncoderError: the checkpoint has no usable tokenizer.
    """
    try:
        loaded = AutoTokenizer.from_pretrained(checkpoint, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, TypeError) as error:
        raise BaseEncoderError(f"base encoder {source!r} has no usable tokenizer: {first_line(error)}") from error
    if not isinstance(loaded, PreTrainedTokenizerFast):
        raise BaseEncoderError(f"base encoder {source!r} has no tokenizer.json; convert its tokenizer to a fast one")
    # Without tokenizer files, some classes make up a tokenizer that knows nothing but special tokens.
    if set(loaded.get_vocab()) <= set(loaded.all_special_tokens):
        raise BaseEncoderError(f"base encoder {source!r} has no usable tokenizer: tokenizer.json is missing")
    if loaded.pad_token is None:
        raise BaseEncoderError(
            f"the tokenizer of base encoder {source!r} has no padding token: name one as pad_token in its "
            "tokenizer_config.json"
        )
    plain = plain_tokenizer(loaded)
    # Some checkpoints pad and truncate every text to one length (all-MiniLM: 128). Here each call sets its own.
    plain.backend_tokenizer.no_padding()
    plain.backend_tokenizer.no_truncation()
    if lower_case:
        backend = plain.backend_tokenizer
        backend.normalizer = Sequence([Lowercase(), *([backend.normalizer] if backend.normalizer else [])])
        read_composed(backend)
    return plain


def read_composed(backend: Tokenizer) -> None:
    """Make a tokenizer, in place, compose its input (NFC), so that canonically equal texts give the same tokens.

    Most tokenizers know composed characters only. They turn decomposed text, such as `한` as macOS writes it or
    Vietnamese with combining marks, into other or unknown tokens. Text that is already composed gives the same tokens
    as before. The step becomes part of `tokenizer.json`, so it applies wherever the tokenizer is used.
    """
    steps = backend.normalizer
    first = steps
    while isinstance(first, Sequence) and len(first):
        first = first[0]
    if not isinstance(first, NFC | NFD | NFKC | NFKD):
        backend.normalizer = Sequence([NFC(), *([steps] if steps is not None else [])])


def plain_tokenizer(tokenizer: PreTrainedTokenizerFast, **changes: object) -> PreTrainedTokenizerFast:
    """The same tokenizer as a `PreTrainedTokenizerFast`, which uses `tokenizer.json` as it is.

    Model-specific classes rebuild parts of their pipeline when they are loaded, which would undo a changed vocabulary.
    The result composes its input first (see `read_composed`), and has the `changes` of the arguments of its class.
    """
    settings = {role: getattr(tokenizer, role) for role in SPECIAL_TOKENS if getattr(tokenizer, role) is not None}
    if settings.get("unk_token") in (settings.get("pad_token"), settings.get("eos_token")):
        settings.pop("unk_token", None)  # a stand-in: byte-level tokenizers know every text and have no unknown token
    if tags := tags_of(tokenizer):  # the backend already treats them as special tokens
        settings["extra_special_tokens"] = list(tags)
    settings |= {
        "tokenizer_object": tokenizer.backend_tokenizer,
        "model_max_length": tokenizer.model_max_length,
        "padding_side": tokenizer.padding_side,
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }
    plain = PreTrainedTokenizerFast(**(settings | changes))
    read_composed(plain.backend_tokenizer)
    return plain
