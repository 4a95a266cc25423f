"""Which tokenizers a module may have: those of all bases, but none that needs excessive memory or time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

from adapters_hub import LanguageModule, ModuleFormatError
from adapters_hub.base import plain_tokenizer
from adapters_hub.json_files import parse_json
from adapters_hub.modules import tokenizer as reading
from adapters_hub.modules import trial
from adapters_hub.modules.patterns import FAMILIES, check_pattern
from adapters_hub.modules.tokenizer import read_tokenizer
from adapters_hub.modules.tokenizer_format import check_tokenizer
from tests.adapters_hub.conftest import Shelf
from tests.attack.mutations import edit, replace, seal, split
from tests.attack.mutations import normalizers as rules
from tests.conftest import (
    build_gemma_tokenizer,
    build_qwen_tokenizer,
    build_tokenizer,
    sample_sentences,
    tagged_tokenizer,
)

TEXTS = [*sample_sentences("deu")[:20], *sample_sentences("kaz")[:20], "3 €, „so“ (ja) 日本 😀 e\u0301 ﷺ"]


def _byte_level() -> PreTrainedTokenizerFast:
    """A tokenizer like ModernBERT's and RoBERTa's."""
    special = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: row for row, token in enumerate([*special, *sorted(ByteLevel.alphabet())])}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")


def _bert() -> PreTrainedTokenizerFast:
    """A tokenizer like BERT's and LaBSE's."""
    built = build_tokenizer("wordpiece", 500)
    built.backend_tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    built.backend_tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.backend_tokenizer.decoder = decoders.WordPiece()
    built.backend_tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 0))
    return built


KINDS: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "BERT": _bert,
    "XLM-R": build_tokenizer,
    "ModernBERT": _byte_level,
    "mmBERT, Gemma": lambda: plain_tokenizer(build_gemma_tokenizer()),
    "Qwen": lambda: plain_tokenizer(build_qwen_tokenizer()),
    "NLLB, SONAR": lambda: plain_tokenizer(tagged_tokenizer()),
    "BPE": lambda: build_tokenizer("bpe", 400),
}


@pytest.mark.parametrize("kind", KINDS)
def test_those_of_all_bases_are_read_and_give_the_same_tokens(kind: str, tmp_path: Path) -> None:
    built = KINDS[kind]()
    built.save_pretrained(tmp_path)
    known = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    found = read_tokenizer(tmp_path, len(built), tried=kind in ("BERT", "Qwen"))
    assert found(TEXTS)["input_ids"] == known(TEXTS)["input_ids"]
    for name in ("pad_token_id", "unk_token_id", "padding_side", "model_max_length", "all_special_ids"):
        assert getattr(found, name) == getattr(known, name)
    with pytest.raises(ModuleFormatError, match="it gives the token id"):
        read_tokenizer(tmp_path, len(built) - 1)


@pytest.mark.packaged
def test_those_of_the_packaged_bases_are_sound() -> None:
    from adapters_hub.base.packaged import PACKAGES, packaged_checkpoint

    for source in PACKAGES:
        folder = packaged_checkpoint(source)
        check_tokenizer(parse_json((folder / "tokenizer.json").read_bytes()))
        for lower in (False, True):  # as in modules: they compose first, some then lower-case
            backend = plain_tokenizer(PreTrainedTokenizerFast.from_pretrained(folder)).backend_tokenizer
            if lower:
                backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), backend.normalizer])
            check_tokenizer(parse_json(backend.to_str().encode()))


@pytest.mark.parametrize(
    ("pattern", "shortest"),
    [
        ("a", 1),
        (" {2,}", 2),
        (r"\s+", 1),
        ("[ьъЬЪ]", 1),
        ("(?<![бБвВ])[аА]", 1),
        (r"(?<=^)▁q(?=uery:(?![^▁]))|(?<=^▁q)u(?=ery\ \-:(?![^▁]))", 1),
        (r"\p{L}\p{M}*", 1),
        (r"[^\r\n\p{L}]?[\p{N}]{1,3}", 1),
        ("(?:ab|c)d", 2),
        ("[a-z-]", 1),
        ("[]x]", 1),
        *((pattern, 1) for pattern in sorted(FAMILIES)),
    ],
)
def test_simple_expressions_and_those_of_families_are_taken(pattern: str, shortest: int) -> None:
    assert check_pattern(pattern).shortest == shortest
    tokenizers.Regex(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)*b",
        "(?:a{1,60}){1,60}",
        "a+b",
        "(?=a+b)c",
        "a*",
        "",
        "^",
        "(?=a)",
        "a?",
        r"(a)\1",
        r"(?<n>a)\k<n>",
        "(?>a)",
        "(?i)a",
        "(?#x)a",
        "a**",
        "a{2,}?",
        "a{100000}",
        "a{3,1}",
        "(a",
        "a)",
        "[a",
        "[[:alpha:]]",
        "[a&&b]",
        "[z-a]",
        "\\",
        r"\x41",
        "(a|b)" * 20,
        "[ab]?" * 20 + "c",
        "(" * 50 + "a" + ")" * 50,
        "a" * 30_000,
    ],
)
def test_other_expressions_are_not(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        check_pattern(pattern)


def test_a_script_that_is_rewritten_is_sound(shelf: Shelf, tmp_path: Path) -> None:
    """One rule per letter, each mapping it to one or two letters, as for Uyghur and Uzbek."""
    cyrillic = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
    steps = [
        replace(f"[{sign}{sign.upper()}]", f"y{sign}"[: 1 + place % 2], "Regex") for place, sign in enumerate(cyrillic)
    ]
    steps.insert(0, replace("(?<![бвгд])е", "ye", "Regex"))
    folder = Path(shutil.copytree(shelf.deu.folder, tmp_path / "deu"))
    rules(*steps, {"type": "NFKC"})(folder)
    LanguageModule.load(folder)


def test_a_trial_finds_what_a_look_does_not(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the list of allowed parts were too permissive, the trial would still stop excessive tokenizers."""
    monkeypatch.setattr(reading, "check_tokenizer", lambda *_: None)
    hostile = {
        "too much memory or time": rules(*[replace("a", "aa")] * 40),
        "fails": split("(a+)+b"),
        "no token": lambda folder: (
            edit(folder, "tokenizer.json", lambda values: values.update(post_processor=None)),
            rules(replace(".", "", "Regex"))(folder),
        ),
        "embeddings have 10 rows": seal,
    }
    for words, mutate in hostile.items():
        folder = Path(shutil.copytree(shelf.deu.folder, tmp_path / words.replace(" ", "-")))
        mutate(folder)
        with pytest.raises(ModuleFormatError, match=words):
            read_tokenizer(folder, 10 if "rows" in words else 400, tried=True)


def test_a_module_from_a_hub_is_tried_once(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.deu.push_to_hub("org/deu", hub=tmp_path)
    tried = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: tried.append(a) or run(*a, **k))
    reading._try.cache_clear()
    for _ in range(2):
        LanguageModule.load("org/deu", hub=tmp_path)
    LanguageModule.load(shelf.deu.folder)
    assert len(tried) == 1


def test_the_trial_starts_without_this_library(shelf: Shelf) -> None:
    library = Path(tokenizers.__file__).parent.parent
    code = (
        "import sys, runpy; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: status = end.code\n"
        "print(status, 'torch' in sys.modules, 'adapters_hub' in sys.modules)"
    )
    arguments = [trial.__file__, str(library), str(shelf.deu.folder / "tokenizer.json"), "400"]
    done = subprocess.run([sys.executable, "-P", "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(trial.SOUND), "False", "False"]


def test_lengths_that_a_file_sets_have_no_effect(shelf: Shelf, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shelf.deu.folder, tmp_path / "deu"))
    padding = {
        "strategy": {"Fixed": 1 << 40},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 1,
        "pad_type_id": 0,
        "pad_token": "<pad>",
    }
    edit(folder, "tokenizer.json", lambda values: values.update(padding=padding))
    seal(folder)
    found = LanguageModule.load(folder).tokenizer
    assert found is not None
    assert len(found.backend_tokenizer.encode("ja").ids) < 10


def test_only_the_two_files_of_a_tokenizer_are_read(shelf: Shelf, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shelf.deu.folder, tmp_path / "deu"))
    (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "<evil>"}), encoding="utf-8")
    (folder / "added_tokens.json").write_text(json.dumps({"<evil>": 9999}), encoding="utf-8")
    assert "<evil>" not in read_tokenizer(folder, 400).get_vocab()
