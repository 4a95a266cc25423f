"""A module is replaced only after its successor has passed all checks, and files that change on disk are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from adapters_hub import AdaptersHubError, CompositionError, ModularEncoder, ModuleFormatError
from adapters_hub.modules import require_finite
from tests.adapters_hub.builders import make_adapter, make_language, random_bottlenecks
from tests.adapters_hub.conftest import Shelf
from tests.attack.mutations import ADAPTER, LANGUAGE
from tests.conftest import build_tokenizer

TEXTS = ["Guten Morgen!", "Der Zug hat Verspätung."]


@pytest.fixture
def folders(shelf: Shelf, tmp_path: Path) -> dict[str, Path]:
    """Copies of a pivot, a language and its adapter that tests change while they are in use."""
    modules = {"eng": shelf.eng, "deu": shelf.deu, "both": shelf.deu_both}
    return {name: Path(shutil.copytree(module.folder, tmp_path / name)) for name, module in modules.items()}


@pytest.mark.parametrize("name", ["NaN", "thousands of layers", "option that is unknown"])
def test_a_broken_adapter_takes_nothing_away(shelf: Shelf, folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    encoder = shelf.encoder(*folders.values())
    before = encoder.encode(TEXTS, "deu", align=True)
    broken = Path(shutil.copytree(folders["both"], tmp_path / "broken"))
    ADAPTER[name](broken)
    for replace in (True, False):
        with pytest.raises(AdaptersHubError):
            encoder.add_module(broken, replace=replace)
        assert np.array_equal(encoder.encode(TEXTS, "deu", align=True), before)


def test_an_adapter_of_another_base_or_module_takes_nothing_away(
    shelf: Shelf, folders: dict[str, Path], tmp_path: Path
) -> None:
    encoder = shelf.encoder(*folders.values())
    before = encoder.encode(TEXTS, "deu", align=True)
    other = make_language(shelf.base, tmp_path / "other", "deu", 71)
    with pytest.raises(CompositionError, match="was trained with another target module"):
        encoder.add_module(make_adapter(shelf.base, tmp_path / "wrong", ("both", other, shelf.eng), 1), replace=True)
    assert np.array_equal(encoder.encode(TEXTS, "deu", align=True), before)


def test_a_broken_module_takes_nothing_away(shelf: Shelf, folders: dict[str, Path], tmp_path: Path) -> None:
    encoder = shelf.encoder(*folders.values())
    before = encoder.encode(TEXTS, "deu", align=True)
    broken = Path(shutil.copytree(folders["deu"], tmp_path / "broken"))
    LANGUAGE["LoRA B of nan"](broken)
    with pytest.raises(ModuleFormatError, match="expected finite ones"):
        encoder.add_module(broken, replace=True)
    # The module is valid in itself, but this base counts positions from another padding id.
    tokenizer = build_tokenizer("bpe", 400)
    tokenizer.pad_token = "<unk>"
    odd = make_language(shelf.base, tmp_path / "odd", "deu", 3, tokenizer)
    with pytest.raises(CompositionError, match="padding id"):
        encoder.add_module(odd, replace=True)
    assert np.array_equal(encoder.encode(TEXTS, "deu", align=True), before)


def test_what_replaces_is_what_is_used(shelf: Shelf, folders: dict[str, Path], tmp_path: Path) -> None:
    encoder = shelf.encoder(*folders.values())
    encoder.encode(TEXTS, "deu", align=True)
    adapter = make_adapter(shelf.base, tmp_path / "new", ("both", shelf.deu, shelf.eng), 5)
    encoder.add_module(adapter, replace=True)
    fresh = shelf.encoder(folders["eng"], folders["deu"], adapter.folder)
    assert np.array_equal(encoder.encode(TEXTS, "deu", align=True), fresh.encode(TEXTS, "deu", align=True))
    # Replacing the module by itself keeps the adapter; another module, or another pivot, does not.
    encoder.add_module(shelf.deu.folder, replace=True)
    assert np.array_equal(encoder.encode(TEXTS, "deu", align=True), fresh.encode(TEXTS, "deu", align=True))
    english = make_language(shelf.base, tmp_path / "english", "eng", 77)
    encoder.add_module(english, replace=True)
    assert encoder.alignments == {"eng": [], "deu": []}
    german = make_language(shelf.base, tmp_path / "german", "deu", 78)
    encoder.add_module(german, replace=True)
    assert np.array_equal(encoder.encode(TEXTS, "deu"), shelf.encoder(german.folder).encode(TEXTS, "deu"))


@pytest.mark.parametrize("change", ["truncated", "overwritten", "another", "gone"])
@pytest.mark.parametrize("unloaded", [True, False])
def test_a_module_that_is_replaced_while_it_is_used(
    shelf: Shelf, folders: dict[str, Path], change: str, unloaded: bool
) -> None:
    """Without the check, a truncated file kills the process, and an overwritten one is used silently."""
    encoder = ModularEncoder(shelf.base.copy(), folders.values(), device="cpu", max_loaded_modules=1)
    before = encoder.encode(TEXTS, "deu")
    if unloaded:
        encoder.encode(TEXTS, "eng")
    path = folders["deu"] / "embeddings.safetensors"
    content = path.read_bytes()
    if change == "truncated":
        with path.open("r+b") as file:
            file.truncate(4096)
    elif change == "overwritten":
        with path.open("r+b") as file:
            file.seek(len(content) - 64)
            file.write(b"\x11" * 64)
    elif change == "another":
        shutil.rmtree(folders["deu"])
        shutil.copytree(shelf.kaz.folder, folders["deu"])
    else:
        shutil.rmtree(folders["deu"])
    for _ in range(2):
        with pytest.raises(AdaptersHubError):
            encoder.encode(TEXTS, "deu")
    assert encoder.encode(TEXTS, "eng").shape == (2, 32)
    shutil.rmtree(folders["deu"], ignore_errors=True)
    shutil.copytree(shelf.deu.folder, folders["deu"])
    assert np.array_equal(encoder.encode(TEXTS, "deu"), before)


def test_a_base_that_is_replaced_while_it_is_used(shelf: Shelf, tmp_path: Path) -> None:
    """Without the check, a truncated file kills the process, because transformers leaves weights on disk."""
    base = shutil.copytree(shelf.base.checkpoint, tmp_path / "base")
    encoder = ModularEncoder(base, [shelf.eng.folder, shelf.deu.folder], device="cpu")
    before = encoder.encode(TEXTS, "deu")
    path = tmp_path / "base" / "model.safetensors"
    shutil.copyfile(path, tmp_path / "kept")
    with path.open("r+b") as file:
        file.truncate(4096)
    for language in ("eng", "deu", None):
        with pytest.raises(CompositionError, match="was replaced while the base was in use"):
            encoder.encode(TEXTS, language)
    shutil.copyfile(tmp_path / "kept", path)
    fresh = ModularEncoder(base, [shelf.deu.folder], device="cpu")
    assert np.array_equal(fresh.encode(TEXTS, "deu"), before)


def test_vectors_that_are_no_numbers_are_an_error(shelf: Shelf, tmp_path: Path) -> None:
    encoder = shelf.encoder(shelf.eng.folder, shelf.deu.folder)
    bottlenecks = random_bottlenecks(shelf.base, 1)
    adapter = make_adapter(shelf.base, tmp_path / "adapter", ("both", shelf.deu, shelf.eng), 1, bottlenecks)
    with torch.no_grad():  # as a bug of our own would do
        next(iter(adapter.bottlenecks.parameters())).fill_(float("nan"))
    encoder.add_module(adapter)
    with pytest.raises(CompositionError, match="are not finite"):
        encoder.encode(TEXTS, "deu", align=True)
    assert np.isfinite(encoder.encode(TEXTS, "deu")).all()


def test_what_has_diverged_is_not_written(shelf: Shelf, tmp_path: Path) -> None:
    bottlenecks = random_bottlenecks(shelf.base, 1)
    with torch.no_grad():
        next(iter(bottlenecks.parameters()))[0] = float("inf")
    with pytest.raises(ModuleFormatError, match="training has diverged"):
        make_adapter(shelf.base, tmp_path / "adapter", ("both", shelf.deu, shelf.eng), 1, bottlenecks)
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 2e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_that_are_not_finite_are_named(value: float, dtype: torch.dtype) -> None:
    tensor = torch.ones(3, 4, dtype=dtype)
    require_finite({"a": tensor, "empty": torch.empty(0)}, "here")
    tensor[1, 2] = value
    with pytest.raises(ModuleFormatError, match=r"here: the tensor 'b' has values from"):
        require_finite({"a": torch.zeros(1), "b": tensor}, "here")
