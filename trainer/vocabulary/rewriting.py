"""Rules that rewrite text of a language into the script and spelling that its tokenizer handles best."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.normalizers import Replace
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import plain_tokenizer
from adapters_hub.reading import read_text
from trainer.settings import SettingsError


def read_rules(template: str, language: str, pivot: str) -> list[tuple[str, str]]:
    """The rewriting rules of a language: pairs (regular expression, replacement).

    There are no rules if the template is empty, or if it contains `{language}` and the file does not exist.

    Args:
        template: path of a file of `pattern<TAB>replacement` lines; empty lines and lines that start with # are
            ignored.
        language: replaces `{language}`.
        pivot: replaces `{pivot}`.

    Raises:
        SettingsError: the file is missing, or a line is not a rule.
    """
    path = Path(template.replace("{language}", language).replace("{pivot}", pivot))
    if not template or ("{language}" in template and not path.is_file()):
        return []
    if not path.exists():
        raise SettingsError(f"rules file {str(path)!r} does not exist: check vocabulary.rewrite in the recipe")
    rules = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split("\t")
        try:
            if len(parts) != 2:
                raise ValueError(f"{len(parts)} columns")
            Regex(parts[0])
        except Exception as error:  # tokenizers raises plain exceptions
            raise SettingsError(
                f"{path}, line {number}: expected a regular expression, a tab and its replacement; found {error}"
            ) from error
        rules.append((parts[0], parts[1]))
    return rules


def rewriting(tokenizer: PreTrainedTokenizerFast, rules: Sequence[tuple[str, str]]) -> PreTrainedTokenizerFast:
    """A tokenizer that first applies the rules to a text, in their order."""
    if not rules:
        return tokenizer
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    steps = [json.loads(Replace(Regex(pattern), new).__getstate__()) for pattern, new in rules]
    steps += [content["normalizer"]] if content["normalizer"] else []
    content["normalizer"] = {"type": "Sequence", "normalizers": steps}
    return plain_tokenizer(tokenizer, tokenizer_object=Tokenizer.from_str(json.dumps(content)))
