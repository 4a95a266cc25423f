"""Rules that bring text of a language into the script and spelling that its tokenizer knows best."""

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
    """Rules of a language: regular expressions and what takes their place.

    Args:
        template: a file of `pattern<TAB>replacement` lines; lines that are empty or start with # are comments. None if
            empty, and none if it has {language} in it and there is no such file.
        language: fills `{language}`.
        pivot: fills `{pivot}`.

    Raises:
        SettingsError: the file is missing, or a line is no rule; names the line.
    """
    path = Path(template.replace("{language}", language).replace("{pivot}", pivot))
    if not template or ("{language}" in template and not path.is_file()):
        return []
    if not path.exists():
        raise SettingsError(f"file of rules {str(path)!r} does not exist: check vocabulary.rewrite in the recipe")
    rules = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split("\t")
        try:
            if len(parts) != 2:
                raise ValueError(f"{len(parts)} columns")
            Regex(parts[0])
        except Exception as error:  # tokenizers raises plain ones
            raise SettingsError(
                f"{path}, line {number}: expected a regular expression, a tab and what takes its place; found {error}"
            ) from error
        rules.append((parts[0], parts[1]))
    return rules


def rewriting(tokenizer: PreTrainedTokenizerFast, rules: Sequence[tuple[str, str]]) -> PreTrainedTokenizerFast:
    """A tokenizer that applies the rules, one after the other, before anything else."""
    if not rules:
        return tokenizer
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    steps = [json.loads(Replace(Regex(pattern), new).__getstate__()) for pattern, new in rules]
    steps += [content["normalizer"]] if content["normalizer"] else []
    content["normalizer"] = {"type": "Sequence", "normalizers": steps}
    return plain_tokenizer(tokenizer, tokenizer_object=Tokenizer.from_str(json.dumps(content)))
