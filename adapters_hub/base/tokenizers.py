"""The tokenizer of a base: read when it is asked for, and with the tag of a language where it has tags."""

from __future__ import annotations

from collections.abc import Callable

from tokenizers import Tokenizer
from tokenizers.normalizers import NFC, NFD, NFKC, NFKD, Lowercase, Sequence
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from adapters_hub.base.language_tags import for_language, tag_of, tags_of
from adapters_hub.errors import BaseEncoderError

_SPECIAL_TOKENS = ("bos_token", "eos_token", "cls_token", "sep_token", "pad_token", "unk_token", "mask_token")


class BaseTokenizer:
    """The tokenizer of a base.

    It is read on the first call, since language modules bring theirs and that of a multilingual base takes seconds and
    hundreds of megabytes.

    Args:
        load: reads it.
    """

    def __init__(self, load: Callable[[], PreTrainedTokenizerFast]) -> None:
        self._load = load
        self._loaded: PreTrainedTokenizerFast | None = None
        self._by_tag: dict[str | None, PreTrainedTokenizerFast] = {}

    def of(self, language: str | None = None) -> PreTrainedTokenizerFast:
        """With the tag of a language (ISO 639-3), if it has tags; as it comes for None.

        Raises:
            BaseEncoderError: there is none, or it is not a fast one.
        """
        if self._loaded is None:
            self._loaded = self._load()
        found = for_language(self._loaded, language)
        # One for each tag, not for each language and call.
        return self._by_tag.setdefault(tag_of(found), found)


def load_tokenizer(source: str, checkpoint: str, revision: str | None, lower_case: bool) -> PreTrainedTokenizerFast:
    """Read a base's tokenizer.

    Args:
        source: of the base, for errors.
        checkpoint: folder or repo.
        revision: of the repo.
        lower_case: whether it is to lower-case text first.

    Raises:
        BaseEncoderError: there is none that can be used.
    """
    try:
        loaded = AutoTokenizer.from_pretrained(checkpoint, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, TypeError) as error:
        line = str(error).strip().split("\n")[0]
        raise BaseEncoderError(f"base encoder {source!r} has no usable tokenizer: {line}") from error
    if not isinstance(loaded, PreTrainedTokenizerFast):
        raise BaseEncoderError(f"base encoder {source!r} has no tokenizer.json; convert its tokenizer to a fast one")
    # Without tokenizer files, some classes make up a tokenizer that knows special tokens only.
    if set(loaded.get_vocab()) <= set(loaded.all_special_tokens):
        raise BaseEncoderError(f"base encoder {source!r} has no usable tokenizer: tokenizer.json is missing")
    if loaded.pad_token is None:
        raise BaseEncoderError(
            f"the tokenizer of base encoder {source!r} has no padding token: name one as pad_token in its "
            "tokenizer_config.json"
        )
    plain = plain_tokenizer(loaded)
    # Some checkpoints pad and cut every text to one length (all-MiniLM: 128); here each call says what it wants.
    plain.backend_tokenizer.no_padding()
    plain.backend_tokenizer.no_truncation()
    if lower_case:
        backend = plain.backend_tokenizer
        backend.normalizer = Sequence([Lowercase(), *([backend.normalizer] if backend.normalizer else [])])
        read_composed(backend)
    return plain


def read_composed(backend: Tokenizer) -> None:
    """Make a tokenizer read canonically equal texts as one, whichever of them it is given: it composes them first.

    Most tokenizers know composed characters alone: of `한` in parts, as macOS writes it, or of Vietnamese with loose
    marks, they make other tokens, or unknown ones. Text that is composed (NFC) is read as ever. Written into
    `tokenizer.json`, it holds wherever the tokenizer goes.
    """
    steps = backend.normalizer
    first = steps
    while isinstance(first, Sequence) and len(first):
        first = first[0]
    if not isinstance(first, NFC | NFD | NFKC | NFKD):
        backend.normalizer = Sequence([NFC(), *([steps] if steps is not None else [])])


def plain_tokenizer(tokenizer: PreTrainedTokenizerFast, **changes: object) -> PreTrainedTokenizerFast:
    """The same tokenizer as the plain class, which reads `tokenizer.json` as it stands.

    Model-specific classes rebuild parts of their pipeline when loaded, which would undo a changed vocabulary. It reads
    canonically equal texts as one (see `read_composed`).
    """
    settings = {role: getattr(tokenizer, role) for role in _SPECIAL_TOKENS if getattr(tokenizer, role) is not None}
    if settings.get("unk_token") in (settings.get("pad_token"), settings.get("eos_token")):
        settings.pop("unk_token", None)  # named for want of one, as by tokenizers of bytes: nothing is unknown to them
    if tags := tags_of(tokenizer):  # special to it, as they are to the backend
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
