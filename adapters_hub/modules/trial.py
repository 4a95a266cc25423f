"""Try a tokenizer out in a process with limited memory and time: `trial.py LIBRARY FILE ROWS`.

The process runs this file alone and imports nothing else of this library, so that it starts quickly.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

SOUND, UNSOUND = 70, 71
"""Exit statuses of a completed trial; any other status means that the process was killed."""

_CPU_SECONDS = 10
_CPU_SECONDS_PER_MEGABYTE = 2  # of the tokenizer file; reading a megabyte takes a tenth of this
_MEMORY = 3 << 30
_MEMORY_PER_BYTE = 40  # of the tokenizer file; that of XLM-R takes 20
_ENCODING_SECONDS = 5.0  # for work that normally takes a tenth of a second
_LONGEST = 4000  # characters of a text
_IDS_PER_CHARACTER = 64
_SENTENCES = (
    "A plain sentence, with 3 numbers: 1,234.5 (and signs) – “quoted”!",
    "Ein Satz mit Umlauten: Größe, Übermut; naïve café, İstanbul, ŞĞÜ.",
    "Қазақ тілі — түркі тілі. Русский текст, ёлка. ئۇيغۇر تىلى. עברית. हिन्दी में एक वाक्य। ไทย. አማርኛ",
    "日本語の文章と中文句子，还有한국어 문장. ﷺ ﬁ ① ½ 𝔄 e\u0301 ệ",
    "😀👩‍👩‍👧‍👦🏳️‍🌈 \U0010ffff\U000e0001 \u200b\u00ad\ufeff",
    "x",
    ".",
    "_",
)


def main(library: str, path: str, rows: int) -> int:
    """Try it out (`rows` is negative if unknown), print what is wrong to stdout, and return the exit status."""
    _limit(Path(path).stat().st_size)
    sys.path.insert(0, library)
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(path)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        start = time.process_time()
        for text in _texts(json.loads(Path(path).read_bytes())):
            ids = tokenizer.encode(text).ids
            if why := _wrong(tokenizer, text, ids, rows):
                return _say(why)
            if time.process_time() - start > _ENCODING_SECONDS:
                return _say("encoding with it takes too long")
        tokenizer.enable_truncation(32)
        if len(tokenizer.encode("word " * 100).ids) > 32:
            return _say("its sequences cannot be cut to 32 tokens")
    except BaseException as error:  # a panic of the library is not an Exception
        return _say(f"encoding with it fails: {error}")
    return SOUND


def _texts(content: dict) -> list[str]:  # type: ignore[type-arg]
    """Texts to try: sentences, long runs of the characters that its rules name, and its longest tokens."""
    rules = json.dumps([content["normalizer"], content["pre_tokenizer"]], ensure_ascii=False)
    named = [sign for sign in dict.fromkeys(rules) if not sign.isascii() or sign in " aeioxyzAQ01.,-_"][:40]
    vocabulary = content["model"]["vocab"]
    tokens = [entry[0] for entry in vocabulary] if isinstance(vocabulary, list) else list(vocabulary)
    tokens = sorted(tokens, key=len)[-20:] + [entry["content"] for entry in content["added_tokens"]][:20]
    runs = [(sign * _LONGEST)[:_LONGEST] for sign in (*named[:12], " ", "\n", "a", "1", " \n", "ab", "a ")]
    return [*_SENTENCES, *runs, "".join(named) * 20, " ".join(tokens)[:_LONGEST], " ".join(_SENTENCES) * 8]


def _wrong(tokenizer, text: str, ids: list[int], rows: int) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    if not ids:
        return f"it gives no token at all for {text[:20]!r}"
    if rows >= 0 and max(ids) >= rows:
        return f"it gives the token id {max(ids)}, the embeddings have {rows} rows"
    if len(ids) > _IDS_PER_CHARACTER * (len(text) + 1):
        return f"it gives {len(ids)} tokens for {len(text)} characters"
    return "" if tokenizer.encode(text).ids == ids else "it gives other tokens for the same text in each call"


def _say(why: str) -> int:
    sys.stdout.buffer.write(" ".join(why.split())[:300].encode("utf-8", "replace"))
    sys.stdout.flush()
    return UNSOUND


def _limit(size: int) -> None:
    with contextlib.suppress(ImportError):  # Windows has no such limits, so only the timeout applies
        import resource

        for kind, most in (
            (resource.RLIMIT_AS, _MEMORY + _MEMORY_PER_BYTE * size),
            (resource.RLIMIT_CPU, _CPU_SECONDS + _CPU_SECONDS_PER_MEGABYTE * (size >> 20)),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
