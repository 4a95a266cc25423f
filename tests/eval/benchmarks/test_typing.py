from __future__ import annotations

from pathlib import Path

import pytest

from eval.benchmarks import BENCHMARKS, Source
from eval.benchmarks.data import Similarity
from eval.benchmarks.typing import (
    KardesCyrillic,
    KardesLatin,
    KardesLookalikes,
    KardesUnmarked,
    SemRelUnmarked,
)
from tests.eval.benchmarks.clones import write_clones


@pytest.mark.parametrize(
    ("benchmark", "language", "usual", "typed"),
    [
        (KardesLatin, "kaz", "Ер адамдар Шағын үйде", "Er adamdar Shaghyn üī̆de"),
        (KardesLatin, "kir", "Жаңы үй менен", "Jangy üĭ menen"),
        (KardesUnmarked, "kaz", "Ер адамдар үйде", "Er adamdar uide"),
        (KardesUnmarked, "azj", "İşçi qadın ağacı görür, Əli", "Isci qadin agaci gorur, Eli"),
        (KardesCyrillic, "uzn", "Sharq o‘g‘li yo'lda", "Шарқ ўғли йўлда"),
        (KardesLookalikes, "kaz", "Сары әже", "Capы əжe"),
        (SemRelUnmarked, "hau", "ƙasa ɗaya, Ɓarna", "kasa daya, Barna"),
    ],
)
def test_text_is_changed_as_people_type_it(benchmark: type, language: str, usual: str, typed: str) -> None:
    assert benchmark.changes[language](usual) == typed


@pytest.mark.parametrize(
    ("name", "language", "usual"),
    [
        ("kardes-latin", "kaz", "kardes"),
        ("kardes-ascii", "azj", "kardes"),
        ("kardes-lookalikes", "kaz", "kardes"),
        ("semrel-ascii", "hau", "semrel"),
    ],
)
def test_the_second_sentence_of_each_pair_is_changed(tmp_path: Path, name: str, language: str, usual: str) -> None:
    source = Source(write_clones(tmp_path))
    typed, plain = BENCHMARKS[name], BENCHMARKS[usual]
    assert typed.select([language], "dev", source) == ([language], [])
    changed, pairs = (one.load([language], "dev", source) for one in (typed, plain))
    assert isinstance(changed, Similarity)
    assert isinstance(pairs, Similarity)
    key = language, language
    assert list(changed.pairs) == [key]
    assert changed.pairs[key].first == pairs.pairs[key].first
    assert changed.pairs[key].gold.tolist() == pairs.pairs[key].gold.tolist()
    assert changed.pairs[key].second == [typed.changes[language](text) for text in pairs.pairs[key].second]  # type: ignore[attr-defined]
    assert changed.pairs[key].second != pairs.pairs[key].second or language == "hau"  # its stand-in text is German
