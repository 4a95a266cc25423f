"""Damaged, tampered and foreign module folders are refused in one line that names the file."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters_hub import AdaptersHubError, AlignmentAdapter, LanguageModule, ModuleFormatError
from adapters_hub.format import read_kind
from tests.adapters_hub.builders import edit_json
from tests.adapters_hub.conftest import Shelf

LORA_WEIGHTS = "language_adapter/adapter_model.safetensors"


@pytest.fixture
def deu(shelf: Shelf, tmp_path: Path) -> Path:
    """A copy of a language module with its own vocabulary that tests may damage."""
    return Path(shutil.copytree(shelf.deu.folder, tmp_path / "deu"))


@pytest.fixture
def aligned(shelf: Shelf, tmp_path: Path) -> Path:
    """A copy of an alignment adapter that tests may damage."""
    return Path(shutil.copytree(shelf.deu_both.folder, tmp_path / "aligned"))


def _refused(folder: Path, words: str, *, verify: bool = True) -> None:
    loader = AlignmentAdapter if folder.name == "aligned" else LanguageModule
    with pytest.raises(AdaptersHubError, match=words) as caught:
        loader.load(folder, verify=verify)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def _edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "module.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    edit(values)
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize("name", ["embeddings.safetensors", LORA_WEIGHTS])
@pytest.mark.parametrize("verify", [True, False])
def test_a_truncated_file_is_refused_with_and_without_verification(deu: Path, name: str, verify: bool) -> None:
    path = deu / name
    path.write_bytes(path.read_bytes()[:-1])
    _refused(deu, f"{name}.*truncated", verify=verify)


def test_a_truncated_adapter_is_refused(aligned: Path) -> None:
    path = aligned / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    for verify in (True, False):
        _refused(aligned, "truncated", verify=verify)


def test_one_flipped_bit_in_any_file_is_noticed(deu: Path) -> None:
    listed = json.loads((deu / "module.json").read_text(encoding="utf-8"))["files"]
    assert len(listed) == 7
    for name in listed:
        path = deu / name
        good = path.read_bytes()
        middle = len(good) // 2
        path.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
        _refused(deu, f"the content of {name!r} is not what the manifest says.*do not use it")
        path.write_bytes(good)
    LanguageModule.load(deu)


@pytest.mark.parametrize(
    "name",
    [
        "tokenizer.json",
        "tokenizer_config.json",
        "embeddings.safetensors",
        LORA_WEIGHTS,
        "sentence_adapter/adapter_config.json",
    ],
)
def test_a_missing_file_is_named_with_and_without_verification(deu: Path, name: str) -> None:
    (deu / name).unlink()
    _refused(deu, f"{name}.*is missing")
    _refused(deu, f"{name}.*is missing", verify=False)


def test_a_tampered_tokenizer_is_refused(deu: Path) -> None:
    path = deu / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace("NFKC", "NFKD"), encoding="utf-8")
    _refused(deu, "'tokenizer.json' is not what the manifest says.*tampered")


def test_a_tokenizer_that_cannot_be_read_is_refused_without_verification_too(deu: Path) -> None:
    (deu / "tokenizer.json").write_text('{"model": 5}', encoding="utf-8")
    _refused(deu, "the tokenizer cannot be read.*fetch the module again", verify=False)


def test_a_tokenizer_with_more_tokens_than_embeddings_is_refused(deu: Path, shelf: Shelf) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(shelf.kaz.folder / name, deu / name)
    _refused(deu, "the token id 499, the embeddings have 400 rows", verify=False)


def test_a_tokenizer_with_more_tokens_than_the_base_is_refused(shelf: Shelf) -> None:
    rows = shelf.base.token_embeddings.num_embeddings
    small = dataclasses.replace(shelf.kaz, embeddings=None)
    assert small.tokenizer is not None
    small.check_base(shelf.base)
    tokenizer = copy.deepcopy(small.tokenizer)
    tokenizer.add_tokens([f"token{number}" for number in range(rows)])
    with pytest.raises(ModuleFormatError, match=f"tokens, the base's embeddings {rows} rows"):
        dataclasses.replace(small, tokenizer=tokenizer).check_base(shelf.base)


def test_a_file_that_is_read_but_not_listed_is_refused(deu: Path) -> None:
    _edit_manifest(deu, lambda values: values["files"].pop(LORA_WEIGHTS))
    _refused(deu, f"does not list '{LORA_WEIGHTS}'")


def test_a_newer_format_is_refused_with_what_to_do(deu: Path, aligned: Path) -> None:
    for folder in (deu, aligned):
        edit_json(folder / "module.json", format_version=2, something_new={})
        _refused(folder, "has module format 2, this version.*reads up to 1: pip install --upgrade")
        with pytest.raises(ModuleFormatError, match="pip install --upgrade"):
            read_kind(folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not valid JSON"),
        ("", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[1]", "does not hold a JSON object"),
        ("{}", "has no format_version"),
        ('{"format_version": "1", "kind": "language_module"}', "has no format_version"),
        ('{"format_version": 1, "kind": "pickle"}', "unknown kind 'pickle'"),
        ('{"format_version": 1, "kind": "language_module"}', "is not a valid LanguageModuleManifest"),
        (" " * (5 << 20), "bytes: it is not a manifest"),
    ],
)
def test_a_manifest_that_is_none_is_refused(deu: Path, content: str, words: str) -> None:
    (deu / "module.json").write_text(content, encoding="utf-8")
    _refused(deu, words)


def test_a_manifest_that_is_not_text_is_refused(deu: Path) -> None:
    (deu / "module.json").write_bytes(b"\xff\xfe\x00")
    _refused(deu, "is not valid JSON")


@pytest.mark.parametrize(
    "change",
    [
        {"language": "de"},
        {"files": []},
        {"files": {"tokenizer.json": {"size": 1}}},
        {"base": {"source": "x"}},
        {"unknown_field": 1},
        {"max_length": "64"},
        {"max_length": 0},
        {"pooling": "max"},
        {"prompt": None},
        {"dimension": "32"},
        {"components": ["vocabulary", "something_else"]},
        {"metrics": [{"value": 1.0}]},
        {"metrics": ["good"]},
    ],
    ids=str,
)
def test_a_manifest_with_an_unusable_value_is_refused(deu: Path, change: dict[str, Any]) -> None:
    edit_json(deu / "module.json", **change)
    named = "" if change.keys() & {"files", "base", "metrics"} else next(iter(change))
    _refused(deu, f"is not a valid LanguageModuleManifest.*{named}")


@pytest.mark.parametrize("name", ["../other", "/etc/hostname", "language_adapter/../../other", "..\\other"])
def test_a_manifest_that_names_files_outside_is_refused(deu: Path, name: str) -> None:
    (deu.parent / "other").write_text("secret", encoding="utf-8")
    _edit_manifest(deu, lambda values: values["files"].update({name: {"size": 6, "sha256": "0" * 64}}))
    for verify in (True, False):
        _refused(deu, "leaves the module folder: do not use this module", verify=verify)


@pytest.mark.parametrize("name", ["tokenizer.json", "embeddings.safetensors", LORA_WEIGHTS, "language_adapter"])
def test_a_symbolic_link_is_refused_even_to_the_right_content(deu: Path, name: str) -> None:
    shutil.move(deu / name, deu.parent / "moved")
    (deu / name).symlink_to(deu.parent / "moved")
    for verify in (True, False):
        _refused(deu, "is a symbolic link: a module holds plain files only", verify=verify)


@pytest.mark.parametrize(("code", "meant"), [("de", "deu"), ("German", "deu"), ("xxx_Latn", "iso639-3.sil.org")])
def test_a_wrong_language_code_is_refused_with_the_right_one(deu: Path, aligned: Path, code: str, meant: str) -> None:
    for folder in (deu, aligned):
        edit_json(folder / "module.json", language=code)
        _refused(folder, f"{code!r} is not an ISO 639-3 code.*{meant}")


def test_the_other_kind_of_module_is_refused(shelf: Shelf) -> None:
    with pytest.raises(ModuleFormatError, match="AlignmentManifest"):
        AlignmentAdapter.load(shelf.deu.folder)
    with pytest.raises(ModuleFormatError, match="LanguageModuleManifest"):
        LanguageModule.load(shelf.deu_both.folder)


def test_a_folder_without_a_manifest_is_no_module(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            ModuleFormatError, match=r"(not a module folder|no module at .*): expected a folder with mod"
        ):
            LanguageModule.load(path)
