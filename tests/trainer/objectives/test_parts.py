from __future__ import annotations

from datasets import Dataset

from tests.conftest import build_tokenizer, sample_sentences
from trainer.objectives.part_sources import PartSource
from trainer.objectives.parts import Reading, make_part
from trainer.settings import DataSource
from trainer.vocabulary import rewriting


def test_text_of_a_related_language_is_rewritten_by_its_own_rules() -> None:
    plain = build_tokenizer()
    own, others = rewriting(plain, [("[aeiou]", "")]), rewriting(plain, [("n", "m")])
    assert own.backend_tokenizer is not plain.backend_tokenizer
    text = Dataset.from_dict({"pivot": sample_sentences("eng")[:8], "target": sample_sentences("tur")[:8]})
    reading = Reading(own, "", 200, 0.0, "eng", "eng", 42, {"tur": others})
    for language, tokenizer in (("kaz", own), ("tur", others)):
        source = PartSource("relational", language, DataSource(), 1.0)
        part = make_part(source, ("eng", language), text, reading)
        assert part.train["target_ids"][:] == tokenizer(text["target"][:])["input_ids"]
    assert own(text["target"][:])["input_ids"] != others(text["target"][:])["input_ids"]
