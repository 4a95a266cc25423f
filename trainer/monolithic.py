"""The monolithic baselines: one encoder for all languages, every parameter trained, on the modules' own data.

accelerate launch trainer/monolithic.py [--recipe RECIPE.yaml] [--languages eng,deu,kaz] [...]
"""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from accelerate import PartialState
from datasets import Dataset, concatenate_datasets
from transformers import set_seed

from adapters_hub import BaseEncoder, load_base
from adapters_hub.base import write_base
from adapters_hub.base.settings import TRAINING_FILE
from adapters_hub.encoder import SentenceHead
from adapters_hub.folders import sha256, write_folder
from trainer import alignment, sentence_encoding
from trainer.alignment import KINDS
from trainer.batches import Order, PairCollator, Rows, tokenize
from trainer.console import run_command
from trainer.corpora import load_pairs
from trainer.embedding_trainer import SentenceModel
from trainer.fine_tuning import FineTuningTrainer
from trainer.mixing import has_lexicon, with_mixed
from trainer.parsing import parse_recipe
from trainer.phase_trainer import training_arguments
from trainer.runs import (
    base_reference,
    data_facts,
    hardware,
    rows_in_order,
    rows_of_a_step,
    split,
    steps_of,
    versions,
)
from trainer.settings import (
    TRAINING_DEFAULTS,
    AlignmentSettings,
    DataSource,
    Recipe,
    SentenceEncodingSettings,
    SettingsError,
)
from trainer.workspace import PhaseFolder, Workspace, check_same_settings, describe

logger = logging.getLogger(__name__)

Kind = Literal["full mono", "full mono+cross"]
_WEIGHTS = "model.safetensors"
# What `se` and `cla` say about adapters, of which there are none here.
_NOT_FOR_US = (
    *("data", "objective", "relations", "relational_share", "related", "related_share", "teacher"),
    *("lora", "dropout", "objectives", "start", "reduction_factor", "adapter_scaling", "strength", "non_linearity"),
)


def main() -> None:
    """Train the baselines of a recipe, one after the other."""
    recipe = parse_recipe("monolithic.py", "Train the monolithic baselines: full mono, and full mono+cross from it.")
    if recipe.full.cross and not _languages(recipe, "full mono+cross"):
        raise SettingsError(
            f"full mono+cross needs a language beside the pivot {recipe.pivot!r}: "
            "name more under --languages, or leave it out with --full.cross false"
        )
    mono = Monolithic(recipe, "full mono")
    mono.make()
    if recipe.full.cross:
        Monolithic(recipe, "full mono+cross", mono.target).make()


def _languages(recipe: Recipe, kind: Kind) -> list[str]:
    languages = list(dict.fromkeys(recipe.language_list))
    return [language for language in languages if kind == "full mono" or language != recipe.pivot]


@dataclass(frozen=True)
class Part:
    """Tokenized pairs of one language and kind, and how many training steps they are to get.

    Attributes:
        language: ISO 639-3.
        kind: `paraphrase` or `parallel`.
        train: rows for training.
        evaluation: rows for the evaluation loss, if any are kept.
        steps: of the modular run; not whole where a language has two kinds.
    """

    language: str
    kind: str
    train: Dataset
    evaluation: Dataset | None
    steps: float


class Monolithic:
    """One of the two baselines.

    Args:
        recipe: all settings.
        kind: which one.
        start: the folder of full mono, for full mono+cross.
    """

    def __init__(self, recipe: Recipe, kind: Kind, start: Path | None = None) -> None:
        self.recipe = recipe
        self.kind = kind
        self.start = start
        self.languages = _languages(recipe, kind)
        self.objective = recipe.full.objective or recipe.cla.objectives[0]
        if self.objective in ("graded", "balanced"):
            raise SettingsError(
                "a graded objective needs a pivot that stands still, which full mono+cross has not: set full.objective "
                "to paraphrase, parallel or both"
            )
        self.phase = "cla" if start else "se"
        """The phase of the modules whose data, batches and lengths this takes."""
        self.section: SentenceEncodingSettings | AlignmentSettings = getattr(recipe, self.phase)
        self.sources = {kind: kind for kind in KINDS[self.objective]} if start else {"paraphrase": "data"}
        """Kind of pairs to the setting that says where they are."""
        self.target = Path(recipe.output_dir) / "monolithic" / kind.replace(" ", "_").replace("+", "_")
        self.workspace = Workspace(recipe.output_dir, self.target.name)

    def make(self) -> None:
        """Train the model and write it to `target`, unless it is there."""
        settings = self.settings()
        if (self.target / TRAINING_FILE).is_file() and not self.recipe.overwrite:
            found = recorded(self.target).get("settings", {})
            for name in ("languages", "objective"):  # these first: they decide which data there is to compare
                check_same_settings(self.target, {name: found.get(name)}, {name: settings.get(name)})
            check_same_settings(self.target, found, settings)
            self.workspace.remove()  # left behind if a run was killed at its very end
            logger.info("%s is finished: skipped", self.target)
            return
        with PartialState().main_process_first():
            base = self._base()
        logger.info("%s: training all parameters of %s", self.kind, base.source)
        folder = self.workspace.phase("full", settings)
        set_seed(self.recipe.seed)
        facts = self._train(base, folder)
        self._write(base, settings, facts)
        self.workspace.remove()

    def settings(self) -> dict[str, Any]:
        """Everything that the weights depend on."""
        recipe = self.recipe
        values: dict[str, Any] = {name: getattr(recipe, name) for name in ("base", "revision", "prompt", "pooling")}
        values |= {"seed": recipe.seed, "pivot": recipe.pivot, "languages": self.languages}
        described = {language: describe(self.section, recipe, language) for language in self.languages}
        common = dict(described[self.languages[0]])
        common["training"] |= describe(recipe.full, recipe, recipe.pivot)["training"]
        for name in (*_NOT_FOR_US, "paraphrase", "parallel", "mixed"):
            common.pop(name, None)
        values |= common
        values["data"] = {
            language: {kind: described[language][name] for kind, name in self.sources.items()} for language in described
        }
        lexicon = recipe.cla.mixed.lexicon
        listed = [language for language in described if has_lexicon(lexicon, language, recipe.pivot)]
        if "parallel" in self.sources and listed:
            values["mixed"] = {language: described[language]["mixed"] for language in listed}
        if self.start:
            values["objective"] = self.objective
            values["full_mono"] = recorded(self.start)["sha256"]
        else:
            values.pop("pivot")
        return values

    def _base(self) -> BaseEncoder:
        recipe = self.recipe
        if self.start:
            return load_base(self.start)
        return load_base(recipe.base, revision=recipe.revision, prompt=recipe.prompt, pooling=recipe.pooling)

    def _train(self, base: BaseEncoder, folder: PhaseFolder) -> dict[str, Any]:
        section, recipe, own = self.section, self.recipe, self.recipe.full.training
        parts = self._parts(base)
        training = section.training | TRAINING_DEFAULTS["full"] | own
        if not {"max_steps", "num_train_epochs"} & own.keys():
            training["max_steps"] = round(sum(part.steps for part in parts))
        arguments = training_arguments(self.phase, training, folder.checkpoints, recipe.seed)
        shares = [part.steps for part in parts]
        rows, order = rows_in_order([part.train for part in parts], arguments, recipe.seed, shares=shares)
        # A batch of evaluation rows may be of several languages, but its loss is of one kind.
        kept = [part.evaluation for part in parts if part.evaluation is not None and part.kind == parts[0].kind]
        base.backbone.requires_grad_(True)
        if base.dense is not None:
            base.dense.requires_grad_(True)
        trainer = FineTuningTrainer(
            SentenceModel(base.backbone, SentenceHead.of(base, base.tokenizer)),
            arguments,
            rows,
            order,
            PairCollator(sentence_encoding.COLUMNS, int(base.tokenizer.pad_token_id), section.tokens_per_pass),
            eval_rows=Rows(concatenate_datasets(kept)) if kept else None,
            kinds=[part.kind for part in parts],
            scale=section.scale,
            gradient_cache=section.gradient_cache,
        )
        facts: dict[str, Any] = trainer.run(folder.logs)
        facts["parameters"] = sum(parameter.numel() for parameter in base.backbone.parameters())
        facts["rows"] = {f"{part.language} {part.kind}": len(part.train) for part in parts}
        facts["shares"] = {f"{part.language} {part.kind}": part.steps for part in parts}
        base.backbone.cpu().requires_grad_(False).eval()
        return facts

    def _parts(self, base: BaseEncoder) -> list[Part]:
        """The data of all languages, with the steps that the modular run takes for each."""
        recipe, parts = self.recipe, []
        second = recipe.cla.parallel_share
        for language in self.languages:
            pairs = [self._pairs(base, language, kind, name) for kind, name in self.sources.items()]
            # Batches and steps as `se` or `cla` would have them for this language alone.
            arguments = training_arguments(self.phase, self.section.training, self.workspace.folder, recipe.seed)
            lengths = [len(train) for train, _ in pairs]
            order = Order(lengths, rows_of_a_step(lengths, arguments), recipe.seed, second)
            steps = steps_of(order, arguments)
            shares = [1.0] if len(pairs) == 1 else [1 - second, second]
            parts += [
                Part(language, kind, train, evaluation, steps * share)
                for kind, (train, evaluation), share in zip(self.sources, pairs, shares, strict=True)
            ]
        return parts

    def _pairs(self, base: BaseEncoder, language: str, kind: str, name: str) -> tuple[Dataset, Dataset | None]:
        """Tokenized pairs, for training and for evaluation; the pivot's side is the anchor."""
        source: DataSource = getattr(self.section, name)
        given = alignment.COLUMNS if self.start else sentence_encoding.COLUMNS
        columns = sentence_encoding.COLUMNS
        with PartialState().main_process_first():
            pairs = load_pairs(source, language, self.recipe.pivot, given)
            if name == "parallel":
                pairs = with_mixed(pairs, self.recipe.cla.mixed, language, self.recipe.pivot, self.recipe.seed)
            if self.start:
                pairs = pairs.rename_columns(dict(zip(given[:2], columns[:2], strict=True)))
            what = f"{language} {kind} pairs"
            length = min(self.section.max_length, base.max_positions)
            of = dict.fromkeys(columns, language) | ({columns[0]: self.recipe.pivot} if self.start else {})
            encoded = tokenize(pairs, columns, base.tokenizer, base.prompt, length, what, languages=of)
        return split(encoded, self.section.eval_share)

    def _write(self, base: BaseEncoder, settings: dict[str, Any], facts: dict[str, Any]) -> None:
        """The finished encoder, as a folder that transformers and `load_base` read; on the main process."""
        recipe, state = self.recipe, PartialState()
        if state.is_main_process:
            with write_folder(self.target, replace=True) as folder:
                write_base(base, folder)
                values = {
                    "kind": self.kind,
                    "prompt": base.prompt,
                    "pooling": base.pooling,
                    "max_length": base.max_length,
                    "base": recorded(self.start)["base"] if self.start else dataclasses.asdict(base_reference(base)),
                    "languages": self.languages,
                    "license": recipe.license,
                    "sha256": sha256(folder / _WEIGHTS),
                    "settings": settings,
                    "training": facts,
                    "data": [
                        data_facts(getattr(self.section, name), f"{self.kind}, {kind}", language, recipe.pivot)
                        for language in self.languages
                        for kind, name in self.sources.items()
                    ],
                    "hardware": hardware(),
                    "versions": versions(),
                }
                text = json.dumps(values, indent=2, ensure_ascii=False, default=str)
                (folder / TRAINING_FILE).write_text(text + "\n", encoding="utf-8")
            logger.info("%s: encoder written to %s", self.kind, self.target)
        state.wait_for_everyone()


def recorded(folder: Path) -> dict[str, Any]:
    """What a finished encoder says about itself.

    Raises:
        SettingsError: the file is damaged.
    """
    try:
        values: dict[str, Any] = json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))
        return values
    except (OSError, ValueError) as error:
        raise SettingsError(f"{folder / TRAINING_FILE} cannot be read: --overwrite true trains it again") from error


if __name__ == "__main__":
    run_command(main)
