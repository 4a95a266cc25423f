from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters_hub.modules.patterns import check_pattern
from tests.conftest import sample_sentences
from trainer.data.rules import normalizer, read_rules
from trainer.settings import RECIPES, SettingsError

NEAR = "_(?!.{0,9}[а-я])(?<![а-я].{1,10})"
FILES = sorted(path.stem for path in (RECIPES / "rewrite").glob("*.tsv"))


def rewriter(path: Path) -> Callable[[str], str]:
    return normalizer(read_rules(str(path), "", "")).normalize_str


def own(language: str) -> Callable[[str], str]:
    return rewriter(RECIPES / "rewrite" / f"{language}.tsv")


def written(folder: Path, *lines: str) -> Callable[[str], str]:
    path = folder / "rules.tsv"
    path.write_text("\n".join(lines))
    return rewriter(path)


def test_a_condition_holds_before_the_first_of_its_rules_changes_a_letter(tmp_path: Path) -> None:
    change = written(tmp_path, f"when\tabc\t{NEAR}", "a\tа", "b\tб")
    assert change("abc cab") == "абc cаб"  # although the first rule writes a Cyrillic letter beside the b
    assert change("abc д abc") == "abc д abc"
    assert change("abc д 123456789 abc") == "abc д 123456789 абc"


def test_a_condition_holds_for_letters_beside_one_for_which_it_holds(tmp_path: Path) -> None:
    assert written(tmp_path, "when\tab\t_(?=x)", "a\tа", "b\tб")("abx abax ab") == "абx aбаx ab"


def test_letters_around_a_rule_s_own_may_be_changed_already_or_not_at_all(tmp_path: Path) -> None:
    change = written(tmp_path, f"when\tabc\t{NEAR}", "a\tа", "b(?=[a-c])\tб", "(?<=[xа])b\tв")
    assert change("ab") == "ав"
    assert change("bb bc xb") == "бb бc xв"


def test_when_alone_ends_a_condition(tmp_path: Path) -> None:
    change = written(tmp_path, f"when\ta\t{NEAR}", "a\tа", "when", "z\tд", "a\t*")
    assert change("aza") == "ада"
    assert change("я a") == "я *"


def test_a_file_can_include_another(tmp_path: Path) -> None:
    (tmp_path / "other.tsv").write_text("a\tb\n")
    assert written(tmp_path, "include\tother.tsv", "b\tc")("a") == "c"
    with pytest.raises(SettingsError, match=r"rules\.tsv, line 1: .*missing\.tsv"):
        written(tmp_path, "include\tmissing.tsv")


@pytest.mark.parametrize("line", ["when\tab", "when\tab\t(?=x)", "when\tab\t_("])
def test_a_condition_that_is_none_is_told_by_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError, match=r"rules\.tsv, line 2: expected a regular expression"):
        written(tmp_path, "a\tb", line)


@pytest.mark.parametrize("name", FILES)
def test_a_module_may_have_the_rules(name: str) -> None:
    rules = read_rules(str(RECIPES / "rewrite" / f"{name}.tsv"), "", "")
    assert 0 < len(rules) < 900
    for pattern, new in rules:
        assert len(new) <= 32
        assert check_pattern(pattern).shortest >= 1


@pytest.mark.parametrize(("language", "least"), [("kaz", 1.0), ("tur", 0.98)])
def test_text_in_the_usual_spelling_stays_as_it_is(language: str, least: float) -> None:
    """A Turkish sentence without any letter that typing loses may have been typed without diacritics."""
    change, sentences = own(language), sample_sentences(language)
    assert sum(change(text) == text for text in sentences) >= least * len(sentences)
    lost = set("çğıöşüÇĞİÖŞÜ")
    assert language == "kaz" or all(change(text) == text for text in sentences if lost & set(text) and len(text) < 48)


@pytest.mark.parametrize(
    ("language", "typed", "read"),
    [
        ("kaz", "Qazaq tili — memlekettik til.", "Қазақ тілі — мемлекеттік тіл."),
        ("kaz", "Qazaq tılı", "Қазақ тілі"),
        ("kaz", "Balalar sakhnada bīlep zhatyr.", "Балалар сахнада билеп жатыр."),
        ("kaz", "Aдaмдap oйнaйды, пiлдep кeлe жaтыp", "Адамдар ойнайды, пілдер келе жатыр"),
        (
            "kir",
            "Pilderdin üĭürü jalgyz ayak jol menen basyp baratat.",
            "Пилдердин үйүрү жалгыз аяк жол менен басып баратат.",
        ),
        ("kir", "Adamdar kriket oinop jatyshat.", "Адамдар крикет ойноп жатышат."),
        ("azj", "Uc nefer seherde bize qosulacaq.", "Üç nəfər şəhərdə bizə qoşulacaq."),
        ("azj", "Кişilər kriкеt oynayırlar", "Kişilər kriket oynayırlar"),
        ("tur", "cocuklar bahcede top oynuyor ve guluyorlardi", "çocuklar bahçede top oynuyor ve gülüyorlardı"),
    ],
)
def test_text_as_people_type_it_is_read_in_the_usual_spelling(language: str, typed: str, read: str) -> None:
    assert own(language)(unicodedata.normalize("NFC", typed)) == read


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("kaz", "Real Madrid"),
        ("kaz", "iPhone 15 Pro Max"),
        ("kaz", "Windows жүйесі, https://example.com/qazaq және COVID-19"),
        ("kaz", "iPhoneды сатып алдым"),
        ("kaz", "The children are dancing on the stage."),
        ("kir", "Ал Facebook жана WhatsApp колдонот."),
        ("kir", "Manchester United"),
        ("azj", "Сергей Иванов"),
        ("tur", "https://example.com/ağ"),
    ],
)
def test_what_really_is_of_another_script_stays(language: str, text: str) -> None:
    assert own(language)(text) == text
