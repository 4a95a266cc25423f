"""A tokenizer that first rewrites text into the script and spelling that it handles best."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import plain_tokenizer
from trainer.data.rules import Rules, normalizer

_FIRST_PROMPT = 0xF000
"""Start of the characters that stand for parts of prompts while rules apply; the marks of rules are far below."""
_LONGEST_PART = 32
"""The most characters that a rule of a module's tokenizer may insert."""


def rewriting(tokenizer: PreTrainedTokenizerFast, rules: Rules, prompts: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """A tokenizer that first applies the rules to a text, in their order, except to a prompt at its beginning."""
    if not rules:
        return tokenizer
    changes = normalizer(rules)
    # The text behind a prompt may meet a condition. Rules that change a prompt by itself are refused elsewhere.
    kept = [prompt for prompt in dict.fromkeys(prompts) if prompt and changes.normalize_str(prompt) == prompt]
    before: list[tuple[str, str]] = []
    after: list[tuple[str, str]] = []
    for prompt in kept:
        parts = re.findall(f".{{1,{_LONGEST_PART}}}", prompt, re.DOTALL)
        stands = [chr(_FIRST_PROMPT + len(after) + place) for place in range(len(parts))]
        before.append((rf"\A{re.escape(prompt)}", "".join(stands)))
        after += list(zip(stands, parts, strict=True))
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    steps = json.loads(normalizer([*before, *rules, *after]).__getstate__())["normalizers"]
    steps += [content["normalizer"]] if content["normalizer"] else []
    content["normalizer"] = {"type": "Sequence", "normalizers": steps}
    return plain_tokenizer(tokenizer, tokenizer_object=Tokenizer.from_str(json.dumps(content)))
