"""Add tokens to a trained tokenizer in such a way that it uses them, and remove tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from adapters_hub.base import plain_tokenizer
from trainer.vocabulary.template import renumber_template

_MARGIN = 0.01
"""By how much an added token's score, a log-probability, exceeds the score of its best split into other tokens."""


class EditedTokenizer:
    """A copy of a tokenizer (Unigram, BPE or WordPiece) whose tokens can be edited.

    Args:
        tokenizer: the tokenizer to copy; it is not changed.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._original = tokenizer
        self.content: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
        self._model: dict[str, Any] = self.content["model"]
        self.kind = str(self._model["type"])
        self._built: Tokenizer | None = None
        special = {entry["content"] for entry in self.content["added_tokens"]}
        if self.kind == "Unigram":
            self._rows = {piece: row for row, (piece, _) in enumerate(self._model["vocab"])}
            self._lowest = min((score for piece, score in self._model["vocab"] if piece not in special), default=0.0)
        else:
            self._rows = self._model["vocab"]

    def __contains__(self, token: str) -> bool:
        return token in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def pieces(self, word: str) -> list[str]:
        """The tokens of a word as given by the pre-tokenizer."""
        if self._built is None:
            self._built = Tokenizer.from_str(json.dumps(self.content))
        return [token.value for token in self._built.model.tokenize(word)]

    def add(self, token: str) -> None:
        """Add a token if it is missing, with the score of the rarest token."""
        if token in self._rows:
            return
        self._rows[token] = len(self._rows)
        if self.kind == "Unigram":
            self._model["vocab"].append([token, self._lowest])
        self._built = None

    def remove(self, token: str) -> None:
        """Remove a token from a WordPiece vocabulary; the ids after it decrease by one."""
        removed = self._rows.pop(token)
        renumbered = {row: row - (row > removed) for row in range(len(self._rows) + 1)}
        self._model["vocab"] = self._rows = {name: renumbered[row] for name, row in self._rows.items()}
        for entry in self.content["added_tokens"]:
            entry["id"] = renumbered[entry["id"]]
        renumber_template(self.content.get("post_processor"), renumbered)
        self._built = None

    def make_whole(self, text: str) -> None:
        """Make a word, or a part that `cut` splits off, a single token if it is exactly this text (Unigram and BPE).

        For Unigram the token becomes slightly more likely than its best split. For BPE the new merges come after all
        others, so that existing merges still apply first.
        """
        if self.kind == "Unigram":
            self.add(text)
            if (parts := self.pieces(text)) != [text]:
                scores = [self._model["vocab"][self._rows[part]][1] for part in parts]
                self._model["vocab"][self._rows[text]][1] = sum(scores) + _MARGIN
                self._built = None
            return
        for character in text:
            self.add(character)
        while len(parts := self.pieces(text)) > 1:
            left, right = parts[:2]
            self.add(left + right.removeprefix(self._model.get("continuing_subword_prefix") or ""))
            self._model["merges"].append([left, right])
            self._built = None

    def cut(self, words: Mapping[str, Sequence[str]]) -> None:
        """Split every word that is a key of `words` into the given parts before the model sees it."""
        ends = r"(?![^▁])"  # if the tokenizer does not split at spaces, more words follow
        patterns = []
        for parts in words.values():
            for place, part in enumerate(map(re.escape, parts)):
                before, after = re.escape("".join(parts[:place])), re.escape("".join(parts[place + 1 :]))
                patterns.append(f"(?<=^{before}){part}(?={after}{ends})")
        if not patterns:
            return
        step = {"type": "Split", "pattern": {"Regex": "|".join(patterns)}, "behavior": "Isolated", "invert": False}
        steps = self.content.get("pre_tokenizer")
        if steps and steps["type"] == "Sequence":
            steps["pretokenizers"].append(step)
        else:
            self.content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*([steps] if steps else []), step]}
        self._built = None

    def finish(self) -> PreTrainedTokenizerFast:
        """The edited tokenizer."""
        return plain_tokenizer(self._original, tokenizer_object=Tokenizer.from_str(json.dumps(self.content)))
