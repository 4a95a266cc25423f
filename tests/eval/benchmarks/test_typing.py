from __future__ import annotations

import pytest

from eval.benchmarks.typing import (
    KardesCyrillic,
    KardesLatin,
    KardesLookalikes,
    KardesUnmarked,
    SemRelUnmarked,
)


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
