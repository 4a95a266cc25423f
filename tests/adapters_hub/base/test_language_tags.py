"""Tokenizers that mark every text with its language: NLLB, SONAR, M2M100, mBART."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB

from adapters_hub import AdaptersHubError, LanguageModule, ModularEncoder, load_base
from adapters_hub.base import for_language, plain_tokenizer, tag_of
from adapters_hub.base.language_tags import closest_tag
from adapters_hub.bridges import export_merged, export_onnx
from adapters_hub.bridges.onnx_encoder import OnnxEncoder
from tests.adapters_hub.builders import make_language
from tests.conftest import build_tokenizer, tagged_tokenizer, write_base

M2M = tuple(f"__{code}__" for code in ("am", "ar", "az", "de", "en", "kk", "no", "sw", "tr", "uz", "zh"))
TEXTS = ["Guten Morgen!", "Ein Hund läuft über die Wiese und bellt."]


@pytest.mark.parametrize(
    ("language", "nllb", "m2m", "mbart"),
    [
        ("kaz", "kaz_Cyrl", "__kk__", "kk_KZ"),
        ("deu", "deu_Latn", "__de__", "de_DE"),
        ("uzn", "uzn_Latn", "__uz__", None),
        ("azj", "azj_Latn", "__az__", "az_AZ"),
        ("arb", "arb_Arab", "__ar__", "ar_AR"),
        ("zho", "zho_Hans", "__zh__", "zh_CN"),
        ("cmn", "zho_Hans", "__zh__", "zh_CN"),
        ("zho_Hant", "zho_Hant", "__zh__", "zh_CN"),
        ("swh", "swh_Latn", "__sw__", "sw_KE"),
        ("ekk", "est_Latn", None, "et_EE"),
        ("nob", "nob_Latn", "__no__", None),
        ("amh", "amh_Ethi", "__am__", None),
        ("kir", "kir_Cyrl", None, None),
        ("uig_Cyrl", "uig_Arab", None, None),
        ("acm", "acm_Arab", None, None),
        ("kin", "kin_Latn", None, None),
        ("sme", None, None, None),
    ],
)
def test_every_way_to_write_a_tag_is_understood(
    language: str, nllb: str | None, m2m: str | None, mbart: str | None
) -> None:
    assert closest_tag(language, tuple(NLLB)) == nllb
    assert closest_tag(language, M2M) == m2m
    assert closest_tag(language, tuple(MBART)) == mbart


def test_a_code_that_is_none_is_refused() -> None:
    with pytest.raises(AdaptersHubError, match="'kk' is not an ISO 639-3 code"):
        closest_tag("kk", M2M)


@pytest.fixture(scope="module")
def plain() -> PreTrainedTokenizerFast:
    return plain_tokenizer(tagged_tokenizer())


def test_the_tokens_are_those_of_the_tokenizers_own_class(plain: PreTrainedTokenizerFast) -> None:
    own = tagged_tokenizer()
    for language, tag in (("deu", "deu_Latn"), ("kaz", "kaz_Cyrl"), ("eng", "eng_Latn")):
        own.src_lang = tag
        found = for_language(plain, language)
        assert found(TEXTS)["input_ids"] == own(TEXTS)["input_ids"]
        assert found(TEXTS[0]).tokens()[0] == tag_of(found) == tag
    assert plain(TEXTS[0]).tokens()[0] == "eng_Latn"  # the original tokenizer is unchanged


def test_tags_are_special_tokens_which_la_does_not_mask(plain: PreTrainedTokenizerFast) -> None:
    tags = {"eng_Latn", "deu_Latn", "kaz_Cyrl", "tur_Latn"}
    assert tags <= set(plain.all_special_tokens)
    assert tags <= set(for_language(plain, "kaz").all_special_tokens)


def test_a_changed_tokenizer_differs_in_its_tag_alone_and_keeps_it_on_disk(
    plain: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    kazakh = for_language(plain, "kaz")
    before, after = (json.loads(one.backend_tokenizer.to_str()) for one in (plain, kazakh))
    assert {key for key in before if before[key] != after[key]} == {"post_processor"}
    kazakh.save_pretrained(tmp_path)
    assert PreTrainedTokenizerFast.from_pretrained(tmp_path)(TEXTS)["input_ids"] == kazakh(TEXTS)["input_ids"]


def test_a_tag_behind_the_text_is_changed_there() -> None:
    """The old form of NLLB's tokenizers, with language tags in M2M100's spelling."""
    tokenizer = build_tokenizer("bpe", 400)
    tokenizer.add_special_tokens({"extra_special_tokens": [AddedToken(tag, special=True) for tag in M2M]})
    ids = [(token, tokenizer.get_vocab()[token]) for token in ("</s>", "__en__")]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="$A </s> __en__", special_tokens=ids)
    assert for_language(tokenizer, "kaz")(TEXTS[0]).tokens()[-2:] == ["</s>", "__kk__"]


def test_a_tokenizer_without_tags_is_left_alone() -> None:
    tokenizer = build_tokenizer("bpe", 400)
    tokenizer.add_special_tokens({"extra_special_tokens": ["kaz_Cyrl"]})  # an ordinary token, which no template inserts
    assert for_language(tokenizer, "kaz") is tokenizer


def test_a_language_without_a_tag_is_told_once(
    plain: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert for_language(plain, "tel") is plain
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "no tag for the language tel" in record.message
    assert "eng_Latn" in record.message


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SONAR-like base."""
    return write_base(tmp_path_factory.mktemp("sonar") / "base", "m2m_100", tagged_tokenizer())


def test_the_untouched_base_is_told_the_language(folder: Path) -> None:
    encoder = ModularEncoder(load_base(folder), device="cpu")
    own = tagged_tokenizer()
    for language, tag in ((None, "eng_Latn"), ("deu", "deu_Latn"), ("kaz", "kaz_Cyrl")):
        own.src_lang = tag
        batch = own(TEXTS[:1], return_tensors="pt")
        hidden = encoder.base.backbone(**batch).last_hidden_state.mean(1)[0].numpy()
        found = encoder.encode(TEXTS[0], None, base_language=language, normalize=False)
        np.testing.assert_allclose(found, hidden, atol=1e-5)
    prints = {encoder.fingerprints(None, base_language=language) for language in (None, "eng", "deu", "kaz")}
    assert len(prints) == 3  # English is the base's default, so it shares the fingerprint of None


def test_modules_that_keep_the_vocabulary_get_the_tag_of_their_language(folder: Path, tmp_path: Path) -> None:
    base = load_base(folder)
    modules = [make_language(base, tmp_path / code, code, number) for number, code in enumerate(("deu", "kaz"))]
    encoder = ModularEncoder(base.copy(), [module.folder for module in modules], device="cpu")
    both = encoder.encode([TEXTS[0]] * 2, ["deu", "kaz"])
    for code, vector in zip(("deu", "kaz"), both, strict=True):
        tokenizer = encoder.tokenizer(code)
        assert tokenizer(TEXTS[0]).tokens()[0].startswith(code)
        np.testing.assert_array_equal(encoder.encode(TEXTS[0], code), vector)


def test_exports_carry_the_tag(folder: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    base = load_base(folder)
    module: LanguageModule = make_language(base, tmp_path / "kaz", "kaz", 1)
    encoder = ModularEncoder(base.copy(), [module.folder], device="cpu")
    expected = encoder.encode(TEXTS, "kaz")
    merged = SentenceTransformer(str(export_merged(encoder, "kaz", tmp_path / "merged")), device="cpu")
    assert merged.tokenizer(TEXTS[0]).tokens()[0] == "kaz_Cyrl"
    np.testing.assert_allclose(merged.encode(TEXTS), expected, atol=1e-5)
    onnx = OnnxEncoder(export_onnx(encoder, "kaz", tmp_path / "onnx"))
    np.testing.assert_allclose(onnx.encode(TEXTS), expected, atol=1e-4)
