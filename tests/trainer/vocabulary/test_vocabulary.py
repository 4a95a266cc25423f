from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from datasets import Dataset

from adapters_hub import BaseEncoder
from tests.conftest import sample_sentences
from trainer.settings import SettingsError, VocabularySettings
from trainer.training.language_adaptation import pretrained_output_bias
from trainer.vocabulary import Vocabulary, build_vocabulary

Bases = Callable[[str], BaseEncoder]
STRATEGIES = ("focus", "trim", "keep")


def built(base: BaseEncoder, strategy: str, bias: torch.Tensor | None) -> Vocabulary:
    settings = VocabularySettings(
        size=500, auxiliary_dim=4, auxiliary_epochs=1, auxiliary_min_count=3, auxiliary_buckets=1000
    )
    settings.strategy = strategy  # type: ignore[assignment]
    data = Dataset.from_dict({"text": sample_sentences("kaz")})
    return build_vocabulary(base, settings, "kaz", data, bias, 3, prompts=["query: "])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_output_bias_travels_with_the_embeddings(bases: Bases, strategy: str) -> None:
    """A bias that is an affine function of the embeddings stays so after copying, cutting and convex combination."""
    base = bases("bert")
    source = base.token_embeddings.weight.detach().clone()
    direction = torch.randn(base.dimension, generator=torch.Generator().manual_seed(0))
    made = built(base, strategy, source @ direction + 3)
    assert made.output_bias is not None
    assert made.embeddings.shape == (len(made.tokenizer), base.dimension)
    assert made.output_bias.shape == (len(made.tokenizer),)
    off = (made.output_bias - (made.embeddings @ direction + 3)).abs() > 1e-4
    assert int(off.sum()) <= made.facts.get("drawn", 0)
    assert made.facts.get("combined", 1) > 0
    assert torch.equal(base.token_embeddings.weight, source)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_tokens_that_the_base_has_keep_embedding_and_bias(bases: Bases, strategy: str) -> None:
    base = bases("xlm-roberta")
    bias = pretrained_output_bias(base)
    made = built(base, strategy, bias)
    assert bias is not None
    assert made.output_bias is not None
    known = base.tokenizer.get_vocab()
    shared = {row: known[token] for token, row in made.tokenizer.get_vocab().items() if token in known}
    assert len(shared) > 100
    for row, old in shared.items():
        assert torch.equal(made.embeddings[row], base.token_embeddings.weight[old])
        assert made.output_bias[row] == bias[old]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_base_without_an_output_bias_gives_none(bases: Bases, strategy: str) -> None:
    made = built(bases("m2m_100"), strategy, None)
    assert made.output_bias is None
    assert made.facts["strategy"] == strategy
    assert made.facts["size"] == len(made.tokenizer) == len(made.embeddings)
    assert made.tokenizer.pad_token_id == bases("m2m_100").tokenizer.pad_token_id


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_vocabulary_made_again_is_the_same_to_the_last_bit(bases: Bases, strategy: str) -> None:
    first, again = built(bases("bert"), strategy, None), built(bases("bert"), strategy, None)
    assert first.tokenizer.backend_tokenizer.to_str() == again.tokenizer.backend_tokenizer.to_str()
    assert torch.equal(first.embeddings, again.embeddings)


def test_too_small_a_vocabulary_for_the_characters_is_told_in_one_line(bases: Bases) -> None:
    settings = VocabularySettings(size=20)
    with pytest.raises(SettingsError, match="no tokenizer of 20 tokens can be trained on") as caught:
        build_vocabulary(
            bases("bert"), settings, "kaz", Dataset.from_dict({"text": sample_sentences("kaz")}), None, 3, prompts=[]
        )
    assert "\n" not in str(caught.value)
