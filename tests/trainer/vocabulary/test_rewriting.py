from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from adapters_hub import BaseEncoder
from adapters_hub.base import plain_tokenizer
from adapters_hub.modules import write_vocabulary
from adapters_hub.modules.tokenizer import read_tokenizer
from tests.conftest import ARCHITECTURES, sample_sentences
from trainer.data.rules import read_rules
from trainer.settings import RECIPES, SettingsError, VocabularySettings
from trainer.vocabulary import build_vocabulary, rewriting

Bases = Callable[[str], BaseEncoder]
RULES = [("(?<![bdt])o", "ö"), ("o", "u"), ("Q", "")]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rules_apply_in_their_order_before_anything_else(bases: Bases, architecture: str) -> None:
    tokenizer = bases(architecture).tokenizer
    changed = rewriting(tokenizer, RULES)
    assert changed("boot Qoder dort")["input_ids"] == tokenizer("buöt öder durt")["input_ids"]
    assert rewriting(tokenizer, []) is tokenizer


@pytest.mark.parametrize("prompt", ["boo: ", "o" * 100 + ": "])
def test_a_prompt_is_not_rewritten_because_of_the_text_behind_it(bases: Bases, prompt: str) -> None:
    tokenizer = bases("m2m_100").tokenizer
    rules = [("o(?=.{0,40}x)", "ö"), ("z", "s")]
    steps = rewriting(tokenizer, rules, [prompt, "q: "]).backend_tokenizer.normalizer
    plain = tokenizer.backend_tokenizer.normalizer
    assert steps.normalize_str(f"{prompt}boo: x z") == plain.normalize_str(f"{prompt}böö: x s")
    assert steps.normalize_str("oh x") == plain.normalize_str("öh x")


@pytest.mark.parametrize("language", ["kaz", "azj"])
def test_what_a_module_holds_rewrites_as_the_rules_do(bases: Bases, language: str, tmp_path: Path) -> None:
    """The trainer, encoders and exports all read this tokenizer."""
    rules = read_rules(str(RECIPES / "rewrite" / "{language}.tsv"), language, "eng")
    tokenizer = bases("m2m_100").tokenizer
    write_vocabulary(tmp_path / "rewriting", rewriting(tokenizer, rules, ["query: "]), None)
    write_vocabulary(tmp_path / "plain", plain_tokenizer(tokenizer), None)
    again, plain = read_tokenizer(tmp_path / "rewriting"), read_tokenizer(tmp_path / "plain")
    typed = {"kaz": "Balalar sakhnada bīlep zhatyr.", "azj": "Onlar seherde yasayirlar."}[language]
    usual = {"kaz": "Балалар сахнада билеп жатыр.", "azj": "Onlar şəhərdə yaşayırlar."}[language]
    for text in (typed, usual):
        assert again(f"query: {text}")["input_ids"] == plain(f"query: {usual}")["input_ids"]


@pytest.mark.parametrize("strategy", ["focus", "trim", "keep"])
def test_a_vocabulary_keeps_its_rules(bases: Bases, strategy: str, tmp_path: Path) -> None:
    base = bases("bert")
    settings = VocabularySettings(size=500, auxiliary_dim=4, auxiliary_epochs=1, auxiliary_buckets=1000)
    settings.strategy = strategy  # type: ignore[assignment]
    data = Dataset.from_dict({"text": sample_sentences("kaz")})
    made = build_vocabulary(base, settings, "deu", data, None, 3, prompts=[], rules=RULES)
    made.tokenizer.save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert again("Qoder boot")["input_ids"] == again("öder buöt")["input_ids"]
    assert made.facts["rewriting_rules"] == 3
    plain = build_vocabulary(base, settings, "deu", data, None, 3, prompts=[])
    assert torch.equal(plain.embeddings, made.embeddings) == (strategy != "focus") or strategy == "focus"


def test_a_language_without_a_file_has_no_rules(tmp_path: Path) -> None:
    (tmp_path / "deu.tsv").write_text("# why\n\na\tb\nc\t\n")
    template = str(tmp_path / "{language}.tsv")
    assert read_rules(template, "deu", "eng") == [("a", "b"), ("c", "")]
    assert read_rules(template, "kaz", "eng") == []
    assert read_rules("", "deu", "eng") == []
    with pytest.raises(SettingsError, match="does not exist"):
        read_rules(str(tmp_path / "kaz.tsv"), "kaz", "eng")


@pytest.mark.parametrize("line", ["(\tb", "a", "a\tb\tc"])
def test_a_line_that_is_no_rule_is_told_by_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "deu.tsv").write_text(f"a\tb\n{line}\n")
    with pytest.raises(SettingsError, match=r"deu\.tsv, line 2: expected a regular expression") as caught:
        read_rules(str(tmp_path / "deu.tsv"), "deu", "eng")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("language", "written", "read"),
    [
        ("uig", "Уйғур", "ئۇيغۇر"),
        ("uig", "аилә", "ئائىلە"),
        ("uig", "мәктәп вә китап", "مەكتەپ ۋە كىتاپ"),
        ("uig", "Юсүп яхши", "يۇسۈپ ياخشى"),
        ("uig", "октябрь", "ئوكتيابر"),
        ("uig", "мәктәп وە", "مەكتەپ وە"),
        ("uzn", "Ўзбек тили", "O'zbek tili"),
        ("uzn", "Ер ва келажак", "Yer va kelajak"),
        ("uzn", "поезд", "poyezd"),
        ("uzn", "цирк, лекция", "sirk, leksiya"),
        ("uzn", "доцент, шоҳ ғоз", "dotsent, shoh g'oz"),
        ("uzn", "маъно", "ma'no"),
        ("uzn", "o‘g‘il oʻrdak", "o'g'il o'rdak"),
    ],
)
def test_text_in_another_script_is_read_in_the_usual_one(bases: Bases, language: str, written: str, read: str) -> None:
    rules = read_rules(str(RECIPES / "rewrite" / "{language}.tsv"), language, "eng")
    tokenizer = rewriting(bases("m2m_100").tokenizer, rules)
    steps = tokenizer.backend_tokenizer.normalizer
    assert (
        steps.normalize_str(written).strip()
        == bases("m2m_100").tokenizer.backend_tokenizer.normalizer.normalize_str(read).strip()
    )
