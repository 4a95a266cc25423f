"""Characters that stay in a vocabulary whatever the text contains."""

from __future__ import annotations

import logging
import string
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from adapters_hub import BaseEncoder, LanguageModule, ModularEncoder, load_base
from adapters_hub.format import LanguageModuleManifest
from tests.conftest import SPECIAL, build_tokenizer, sample_sentences, write_base
from trainer.runs.records import base_reference
from trainer.settings import SettingsError, VocabularySettings
from trainer.vocabulary import Characters, Vocabulary, always_kept, build_vocabulary, train_tokenizer, trim_tokenizer

KINDS = ("unigram", "bpe", "wordpiece")
SIGNS = string.digits + "!\"#%&'()*+,-./:;<=>?@[]_{|}~„“”«»‘’–—…$€£₸₺₽₹°§×÷√∞→•½²"
TEXT = ["Der Hund bellt", "Die Katze ist im Haus", "ein Kind isst Brot", "wir haben es gesehen"]


def rich_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A base's tokenizer that knows symbols and letters which no module's text contains."""
    made = build_tokenizer(kind, 600)
    content = [*sample_sentences("deu"), *sample_sentences("kaz")] + [" ".join(SIGNS), "".join(SIGNS)] * 5
    letters = " ".join("".join(sorted(Characters(code).letters)) for code in ("deu", "kaz", "tur", "amh"))
    content += [" ".join(letters), letters, "9876543210 x0 $5 €6 „ja“ (ja)"] * 5
    made.backend_tokenizer.normalizer = normalizers.NFC()
    return made.train_new_from_iterator(content, vocab_size=1500, show_progress=False)


@pytest.fixture(scope="module", params=KINDS)
def rich_base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseEncoder:
    folder = tmp_path_factory.mktemp("rich") / request.param
    return load_base(write_base(folder, "bert", rich_tokenizer(request.param)))


def vocabulary(base: BaseEncoder, strategy: str, language: str = "deu", size: int = 1200) -> Vocabulary:
    settings = VocabularySettings(size=size, auxiliary_dim=4, auxiliary_epochs=1, auxiliary_buckets=1000)
    settings.strategy = strategy  # type: ignore[assignment]
    return build_vocabulary(base, settings, language, Dataset.from_dict({"text": TEXT}), None, 0, prompts=["q: "])


def test_the_letters_of_a_language_are_those_of_its_alphabet_in_both_cases() -> None:
    assert set("äöüßÄÖÜẞ") <= Characters("deu").letters
    assert set("әғқңөұүһіӘҒҚҢӨҰҮҺІ") <= Characters("kaz").letters
    assert set("ıİğŞş") <= Characters("tur").letters
    assert set("ሀሰጠፐ") <= Characters("amh").letters
    assert not Characters("deu").letters & set("яқሀ")


@pytest.mark.parametrize("code", ["uzn", "azj", "arb", "swh", "cmn", "ekk", "pes"])
def test_a_language_listed_by_its_macro_language_is_found(code: str, caplog: pytest.LogCaptureFixture) -> None:
    found = Characters(code)
    assert not caplog.records
    assert {"uzn": "ʻ", "azj": "ə", "arb": "ض", "swh": "w", "cmn": "的", "ekk": "õ", "pes": "گ"}[code] in found


def test_digits_and_signs_of_every_script_stay() -> None:
    # Characters of the language's own script, of its neighbours' scripts, and such as any text may quote.
    for code in ("tha", "hye", "khm", "deu"):
        assert set("๕៥։٣५๙፩„“”‚‘’«»‹›()[]{}⟨⟩「」€$£¥₹₽₸₿–—―‐−…·•§°‰№²½→×ʼʻー\u200d\u0301") <= set(
            filter(Characters(code).__contains__, map(chr, range(0x10000)))
        )
        assert "я" not in Characters(code)


def test_a_script_chooses_the_alphabet_but_the_others_are_known_too() -> None:
    latin, cyrillic = Characters("uzn_Latn"), Characters("uzn_Cyrl")
    assert "ў" in cyrillic.letters - latin.letters
    assert "ў" in latin
    assert "x" in cyrillic


def test_thousands_of_letters_are_no_alphabet() -> None:
    for code, letter in (("zho", "我"), ("kor", "힣"), ("jpn", "語")):
        found = Characters(code)
        assert not found.letters
        assert letter in found


@pytest.mark.parametrize("code", ["deu", "kaz", "amh", "zho"])
def test_signs_and_the_letters_a_to_z_are_of_every_language(code: str) -> None:
    found = Characters(code)
    assert [sign for sign in SIGNS + string.ascii_letters if sign not in found] == []
    assert "Ж" not in Characters("deu")
    assert "ab" not in found
    assert "" not in found


def test_a_language_whose_letters_are_unknown_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert "a" in Characters("ase")
    assert "ase: its letters are not known" in caplog.text


@pytest.mark.parametrize("strategy", ["trim", "focus"])
def test_signs_and_letters_that_the_text_lacks_have_tokens(rich_base: BaseEncoder, strategy: str) -> None:
    made = vocabulary(rich_base, strategy)
    known = rich_base.tokenizer.get_vocab()
    for character in [*SIGNS, *"äöüßÄÖÜxyzQ"]:
        for text in (f"Hund {character}", f"Hund{character}"):
            if strategy == "trim" and rich_base.tokenizer.unk_token_id in rich_base.tokenizer(text)["input_ids"]:
                assert text[4] != " ", text  # WordPiece knows few symbols within words
                continue
            assert made.tokenizer.unk_token_id not in made.tokenizer(text)["input_ids"], text
        if character in known:
            row = made.tokenizer.convert_tokens_to_ids(character)
            assert bool((made.embeddings[row] == rich_base.token_embeddings.weight[known[character]]).all())


@pytest.mark.parametrize("strategy", ["trim", "focus"])
def test_letters_of_other_languages_are_not_carried_along(rich_base: BaseEncoder, strategy: str) -> None:
    tokens = vocabulary(rich_base, strategy).tokenizer.get_vocab()
    assert not {letter for token in tokens for letter in token} & set("қңһሀጠЖ")


@pytest.mark.parametrize("strategy", ["trim", "focus"])
def test_sentences_that_differ_in_a_sign_differ_in_their_vectors(
    rich_base: BaseEncoder, strategy: str, tmp_path: Path
) -> None:
    made = vocabulary(rich_base, strategy)
    manifest = LanguageModuleManifest(language="deu", base=base_reference(rich_base), dimension=rich_base.dimension)
    encoder = ModularEncoder(rich_base.copy(), device="cpu")
    encoder.add_module(LanguageModule(manifest, made.tokenizer, made.embeddings.half(), {}, tmp_path))
    pairs = [("Um 3.", "Um 4."), ("$5", "€5"), ("„ja“", "(ja)"), ("2003", "2045"), ("ja!", "ja?"), ("Maß", "Maä")]
    for one, other in pairs:
        vectors = encoder.encode([one, other], "deu")
        assert np.abs(vectors[0] - vectors[1]).max() > 1e-3, (one, other)


def test_letters_that_the_base_lacks_are_added_to_a_vocabulary_of_the_languages_own() -> None:
    """A base that knows German and Kazakh, and a text with few Amharic letters."""
    base = build_tokenizer()
    data = Dataset.from_dict({"text": ["ሰላም ለሁሉም"] * 20})
    made = train_tokenizer(base, data, 800, characters=Characters("amh"))
    alphabet = sorted(Characters("amh").letters)
    assert [letter for letter in alphabet if made.unk_token_id in made(letter)["input_ids"]] == []
    untold = train_tokenizer(base, data, 800)
    assert untold.unk_token_id in untold("ጠ")["input_ids"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_lower_casing_base_gets_no_capitals(kind: str) -> None:
    base = build_tokenizer(kind)
    base.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made = train_tokenizer(
        base, Dataset.from_dict({"text": sample_sentences("kaz")}), 700, characters=Characters("kaz")
    )
    capitals = [token for token in made.get_vocab() if token != token.lower()]
    assert capitals == []
    assert made.tokenize("ҺҮЙ") == made.tokenize("һүй")


def test_bytes_that_stand_in_for_characters_stay() -> None:
    """For byte-level BPE and byte fallback, with which any character can then be written."""
    level = Tokenizer(models.BPE())
    level.pre_tokenizer, level.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    base = PreTrainedTokenizerFast(
        tokenizer_object=level, unk_token="<unk>", pad_token="<pad>"
    ).train_new_from_iterator(
        sample_sentences("kaz"),
        vocab_size=900,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    text = "Слово, 字 €7 🙂"
    for made in (
        trim_tokenizer(base, np.zeros(len(base), dtype=np.int64), 500, always_kept(base, Characters("kaz"), []))[0],
        train_tokenizer(base, Dataset.from_dict({"text": ["Қар"]}), 500, characters=Characters("kaz")),
    ):
        assert made.decode(made(text)["input_ids"]) == text

    pieces = [(token, 0.0) for token in [*SPECIAL, "<mask>"]] + [(f"<0x{byte:02X}>", -9.0) for byte in range(256)]
    fallback = Tokenizer(models.Unigram([*pieces, ("▁", -2.0), ("▁Қар", -3.0)], unk_id=3, byte_fallback=True))
    fallback.pre_tokenizer = pre_tokenizers.Metaspace()
    fallback.add_special_tokens([*SPECIAL, "<mask>"])
    base = PreTrainedTokenizerFast(tokenizer_object=fallback, unk_token="<unk>", pad_token="<pad>")
    for made in (
        trim_tokenizer(base, np.zeros(len(base), dtype=np.int64), 300, always_kept(base, Characters("kaz"), []))[0],
        train_tokenizer(base, Dataset.from_dict({"text": ["Қар жауды"] * 9}), 500, characters=Characters("kaz")),
    ):
        assert made.unk_token_id not in made("Қар 字 🙂")["input_ids"]
    data = Dataset.from_dict({"text": ["Қар жауды"] * 9})
    again = [train_tokenizer(base, data, 500, characters=Characters("kaz")).get_vocab() for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize("strategy", ["trim", "focus"])
def test_a_size_below_what_always_stays_is_refused(rich_base: BaseEncoder, strategy: str) -> None:
    with pytest.raises(SettingsError, match=r"of 60 tokens .* vocabulary\.size"):
        vocabulary(rich_base, strategy, size=60)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [400, 700, 5000])
def test_the_size_holds_whatever_is_added(kind: str, size: int) -> None:
    data = Dataset.from_dict({"text": sample_sentences("kaz")})
    made = train_tokenizer(build_tokenizer(kind), data, size, characters=Characters("kaz"), prompts=["Frage: "])
    assert len(made) <= size
    assert sorted(made.get_vocab().values()) == list(range(len(made)))


def test_a_sample_of_the_texts_is_drawn_by_the_seed() -> None:
    data = Dataset.from_dict({"text": [*sample_sentences("kaz"), *sample_sentences("rus")]})
    base = build_tokenizer()
    made = [train_tokenizer(base, data, 600, sample=200, seed=seed).get_vocab() for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    whole = train_tokenizer(base, data, 600).get_vocab()
    assert train_tokenizer(base, data, 600, sample=len(data)).get_vocab() == whole != made[0]
