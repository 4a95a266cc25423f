"""Module folders are read back as they were written, and are written completely or not at all."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from adapters_hub import AdaptersHubError, AlignmentAdapter, LanguageModule, ModuleFormatError
from adapters_hub.format import read_kind
from adapters_hub.modules import save_alignment_adapter, save_language_module, write_vocabulary
from adapters_hub.modules.tensors import halved
from tests.adapters_hub.builders import SCORE, language_manifest, language_parts, make_language, random_bottlenecks
from tests.adapters_hub.conftest import Bases, Shelf
from tests.conftest import build_tokenizer


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_language_module_comes_back_as_it_was_written(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    tokenizer = build_tokenizer("wordpiece", 300)
    parts = language_parts(base, tmp_path / "parts", "deu", 1, tokenizer)
    facts: dict[str, Any] = {
        "training": {"settings": {"la": {"steps": 3}}},
        "metrics": [SCORE],
        "prompt": "query: ",
    }
    written = save_language_module(tmp_path / "deu", language_manifest(base, "deu", **facts), parts)
    module = LanguageModule.load(tmp_path / "deu")
    assert module.manifest == written.manifest
    assert read_kind(tmp_path / "deu") == "language_module"
    assert module.manifest.components == ("vocabulary", "language_adapter", "sentence_adapter")
    assert (module.manifest.training, module.manifest.metrics) == (facts["training"], facts["metrics"])
    assert (module.manifest.prompt, module.manifest.base.fingerprint) == ("query: ", base.fingerprint)
    assert module.tokenizer is not None
    assert module.embeddings is not None
    text = "Guten Morgen, liebe Nachbarn!"
    assert module.tokenizer(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert torch.equal(module.embeddings, load_file(parts["vocabulary"] / "embeddings.safetensors")["weight"])
    for name, lora in module.loras.items():
        stored = load_file(parts[name] / "adapter_model.safetensors")
        for layer, (a, b) in lora.factors.items():
            assert torch.equal(a, stored[f"base_model.model.{layer}.lora_A.weight"])
            assert torch.equal(b, stored[f"base_model.model.{layer}.lora_B.weight"])
        assert 2 * len(lora.factors) == len(stored)
        assert lora.scaling == 2.0


@pytest.mark.parametrize("left_out", ["vocabulary", "language_adapter", "sentence_adapter"])
def test_every_part_of_a_language_module_may_be_left_out(bases: Bases, tmp_path: Path, left_out: str) -> None:
    base = bases("bert")
    parts = language_parts(base, tmp_path / "parts", "deu", 1, build_tokenizer("unigram", 300))
    del parts[left_out]
    module = save_language_module(tmp_path / "deu", language_manifest(base, "deu"), parts)
    assert set(module.manifest.components) == set(parts)
    assert (module.tokenizer is None) == (module.embeddings is None) == (left_out == "vocabulary")
    assert set(module.loras) == set(parts) - {"vocabulary"}


def test_an_alignment_adapter_comes_back_as_it_was_written(shelf: Shelf) -> None:
    adapter = AlignmentAdapter.load(shelf.deu_both.folder)
    assert read_kind(shelf.deu_both.folder) == "alignment_adapter"
    assert adapter.manifest == shelf.deu_both.manifest
    assert (adapter.language, adapter.objective, adapter.manifest.pivot) == ("deu", "both", "eng")
    assert adapter.manifest.target_fingerprint == shelf.deu.manifest.fingerprint
    assert adapter.manifest.pivot_fingerprint == shelf.eng.manifest.fingerprint
    expected = random_bottlenecks(shelf.base, 40).state_dict()
    found = adapter.bottlenecks.state_dict()
    assert all(torch.equal(tensor, expected[name].half().float()) for name, tensor in found.items())
    assert not any(parameter.requires_grad for parameter in adapter.bottlenecks.parameters())


def test_a_tokenizer_is_written_as_it_is_whatever_its_last_call_was(tmp_path: Path) -> None:
    tokenizer = build_tokenizer("wordpiece", 300)
    write_vocabulary(tmp_path / "fresh", tokenizer, None)
    tokenizer(["Guten Morgen!", "Ja"], truncation=True, max_length=3, padding="max_length")
    write_vocabulary(tmp_path / "used", tokenizer, None)
    assert _files(tmp_path / "used") == _files(tmp_path / "fresh")


def test_weights_are_halved_unless_one_is_too_large() -> None:
    values = {"a": torch.tensor([1.0, 1 / 3]), "b": torch.tensor([60_000.0]), "empty": torch.empty(0)}
    assert {tensor.dtype for tensor in halved(values).values()} == {torch.float16}
    assert torch.equal(halved(values)["a"].float(), values["a"].half().float())
    for large in (1e5, float("inf"), float("nan")):
        whole = halved(values | {"b": torch.tensor([large])})
        assert {tensor.dtype for tensor in whole.values()} == {torch.float32}
        assert torch.equal(whole["a"], values["a"])


def test_the_manifest_lists_every_file_but_itself_and_the_card(shelf: Shelf, tmp_path: Path) -> None:
    for folder in shelf.folders:
        listed = json.loads((folder / "module.json").read_text(encoding="utf-8"))["files"]
        assert set(listed) == set(_files(folder)) - {"module.json"}
    copy = shutil.copytree(shelf.deu.folder, tmp_path / "copy")
    (copy / "README.md").write_text("A card, written or edited afterwards.", encoding="utf-8")
    assert LanguageModule.load(copy).manifest == shelf.deu.manifest


def test_the_fingerprint_follows_what_the_vectors_depend_on(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    parts = language_parts(base, tmp_path / "parts", "deu", 1)

    def fingerprint(name: str, **changes: Any) -> str:
        manifest = language_manifest(base, "deu", **changes)
        return save_language_module(tmp_path / name, manifest, parts).manifest.fingerprint

    plain = fingerprint("plain")
    assert fingerprint("notes", training={"seed": 1}, metrics=[SCORE]) == plain
    different = [fingerprint("prompt", prompt="query: "), fingerprint("length", max_length=32)]
    different.append(fingerprint("pooling", pooling="cls"))
    different.append(fingerprint("vocabulary", vocabulary_fingerprint="0" * 64))
    parts = language_parts(base, tmp_path / "others", "deu", 2)
    different.append(fingerprint("weights"))
    assert len({plain, *different}) == 6


def test_an_existing_module_is_replaced_only_on_request(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    first = make_language(base, tmp_path / "deu", "deu", 1)
    parts = language_parts(base, tmp_path / "new-parts", "deu", 2)
    before = _files(tmp_path / "deu")
    with pytest.raises(AdaptersHubError, match="exists already: delete it, choose another folder or ask to overwrite"):
        save_language_module(tmp_path / "deu", language_manifest(base, "deu"), parts)
    assert _files(tmp_path / "deu") == before
    second = save_language_module(tmp_path / "deu", language_manifest(base, "deu"), parts, replace=True)
    assert second.manifest.fingerprint != first.manifest.fingerprint
    LanguageModule.load(tmp_path / "deu")


def test_a_full_disk_leaves_the_old_module_intact(
    bases: Bases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = bases("bert")
    old = make_language(base, tmp_path / "deu", "deu", 1)
    parts = language_parts(base, tmp_path / "new-parts", "deu", 2, build_tokenizer("unigram", 300))

    def full(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(AdaptersHubError, match=r"was not written \(No space left on device\).*untouched"):
            save_language_module(tmp_path / "deu", language_manifest(base, "deu"), parts, replace=True)
    assert LanguageModule.load(tmp_path / "deu").manifest == old.manifest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deu", "deu-parts", "new-parts"]


def test_a_part_that_cannot_be_read_back_is_never_put_in_place(bases: Bases, tmp_path: Path) -> None:
    base = bases("bert")
    parts = language_parts(base, tmp_path / "parts", "deu", 1)
    weights = parts["sentence_adapter"] / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModuleFormatError, match="truncated"):
        save_language_module(tmp_path / "deu", language_manifest(base, "deu"), parts)
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]


def test_the_adapters_fingerprint_follows_weights_and_both_modules(shelf: Shelf, tmp_path: Path) -> None:
    manifest = shelf.deu_both.manifest
    changed = {
        "seed": (manifest, random_bottlenecks(shelf.base, 41)),
        "scaling": (manifest, random_bottlenecks(shelf.base, 40, scaling=2.0)),
        "pivot": (dataclasses.replace(manifest, pivot_fingerprint="0" * 64), shelf.deu_both.bottlenecks),
        "target": (dataclasses.replace(manifest, target_fingerprint="0" * 64), shelf.deu_both.bottlenecks),
    }
    found = {save_alignment_adapter(tmp_path / name, *values).manifest.fingerprint for name, values in changed.items()}
    assert len(found | {manifest.fingerprint}) == 5
    same = save_alignment_adapter(tmp_path / "same", manifest, shelf.deu_both.bottlenecks)
    assert same.manifest.fingerprint == manifest.fingerprint
