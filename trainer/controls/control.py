"""The monolithic controls that modules are compared with: each is one encoder, fully fine-tuned for all languages.

| control | starts from | data and loss |
| --- | --- | --- |
| `mono` | the base | paraphrases within each language, contrastive |
| `mono+cross` | `mono` | paraphrases between any two languages, contrastive; translations, cosine; both sides trained |
| `cross` | the base | as `mono+cross` |
| `matched mono` | the base | objective, rows and teachers of the modules' stage 1 |
| `matched mono+cross` | `matched mono` | objective, rows, frozen pivot and teachers of the modules' stage 2 |

`mono` and `mono+cross` are the paper's *full mono* and *full mono+cross*. `cross` shows what is gained by training
`mono` first; the matched controls separate the effect of the objective from the effect of the modules.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from adapters_hub.base.settings import FINE_TUNED
from trainer.data.batches import Order
from trainer.objectives import ENCODING
from trainer.objectives.part_sources import PartSource, alignment_sources, encoding_sources
from trainer.objectives.parts import read_rows
from trainer.objectives.teachers import BASE
from trainer.settings import (
    AlignmentSettings,
    ControlName,
    Recipe,
    SentenceEncodingSettings,
    SettingsError,
    fill,
    has_data,
)
from trainer.training.arguments import training_arguments
from trainer.training.steps import rows_of_a_step, split, steps_of


@dataclass(frozen=True)
class Control:
    """A control of the table above.

    Attributes:
        name: its name in `full.controls`.
        start: the control that it starts from; None: the base.
        phase: the phase of the modules whose data, lengths, batches and steps it uses.
        matched: it uses the modules' objective, with the pivot's vectors frozen; otherwise the paper's objective.
    """

    name: ControlName
    start: ControlName | None
    phase: Literal["se", "cla"]
    matched: bool

    @property
    def kind(self) -> str:
        """Its name in `training.json` and in tables of results."""
        return f"{FINE_TUNED}{self.name}"

    def folder(self, recipe: Recipe) -> Path:
        """The folder that it is written to."""
        return Path(recipe.output_dir) / "monolithic" / self.kind.replace(" ", "_").replace("+", "_")

    def section(self, recipe: Recipe) -> SentenceEncodingSettings | AlignmentSettings:
        """The settings of its phase."""
        return recipe.se if self.phase == "se" else recipe.cla

    def objective(self, recipe: Recipe) -> str:
        """A value of `se.objective` or `cla.objectives`: the modules' for a matched control, else the paper's."""
        if self.phase == "se":
            return recipe.se.objective if self.matched else "contrastive"
        return recipe.cla.objectives[0] if self.matched else "both"

    def teachers(self, recipe: Recipe) -> list[str]:
        """The modules' teachers in this phase, by default the untouched base in stage 1; empty: the pivot itself."""
        return self.section(recipe).teachers(recipe.pivot) or ([BASE] if self.phase == "se" else [])

    def languages(self, recipe: Recipe) -> list[str]:
        """The languages that it is trained on.

        The pivot has no rows in stage 2. It has none in stage 1 either if the objective is relational and the recipe
        has no relations for the pivot, whose module is then the untouched base.

        Raises:
            SettingsError: no language is left.
        """
        languages = list(dict.fromkeys(recipe.language_list))
        if self.phase == "cla" or (self.matched and not _pivot_is_trained(recipe)):
            languages = [language for language in languages if language != recipe.pivot]
        if not languages:
            raise SettingsError(
                f"{self.kind} needs a language other than the pivot {recipe.pivot!r}: "
                "add one to --languages, or leave the control out of --full.controls"
            )
        return languages

    def sources(self, recipe: Recipe, language: str) -> list[PartSource]:
        """The data of a language, without that of related languages: a control is trained on all languages anyway."""
        objective = self.objective(recipe)
        if self.phase == "se":
            settings = dataclasses.replace(recipe.se, objective=objective, related=[])  # type: ignore[arg-type]
            return encoding_sources(settings, language)
        return alignment_sources(dataclasses.replace(recipe.cla, related=[]), objective, language)

    def module_sources(self, recipe: Recipe, language: str) -> list[PartSource]:
        """The data that the language's module is trained on in this phase."""
        if self.phase == "cla":
            return alignment_sources(recipe.cla, recipe.cla.objectives[0], language)
        if language == recipe.pivot and not _pivot_is_trained(recipe):
            return self.sources(recipe, language)
        return encoding_sources(recipe.se, language)

    def steps(self, recipe: Recipe, language: str) -> int:
        """The number of training steps of the language's module in this phase.

        Raises:
            DataError: the number depends on the amount of data, which cannot be read.
        """
        section = self.section(recipe)
        arguments = training_arguments(self.phase, section.training, self.folder(recipe), recipe.seed)
        if arguments.max_steps > 0:
            return arguments.max_steps
        sources = self.module_sources(recipe, language)
        texts = [read_rows(source, recipe.pivot, recipe.seed) for source in sources]
        rows = [len(split(text, section.eval_share)[0]) for text in texts]
        shares = [source.share for source in sources]
        return steps_of(Order(rows, rows_of_a_step(rows, arguments), recipe.seed, shares=shares), arguments)


def _pivot_is_trained(recipe: Recipe) -> bool:
    """Whether stage 1 has the data to train a module of the pivot."""
    if "relational" not in ENCODING[recipe.se.objective]:
        return True
    pivot, relations = recipe.pivot, recipe.se.relations
    columns = [fill(name, pivot, pivot) for name in relations.columns or []]
    return has_data(relations, pivot, pivot) and len(set(columns)) == len(columns)


_ALL = (
    Control("mono", None, "se", matched=False),
    Control("mono+cross", "mono", "cla", matched=False),
    Control("cross", None, "cla", matched=False),
    Control("matched mono", None, "se", matched=True),
    Control("matched mono+cross", "matched mono", "cla", matched=True),
)
CONTROLS: dict[ControlName, Control] = {control.name: control for control in _ALL}


def with_starts(names: Sequence[ControlName]) -> list[Control]:
    """The controls of these names, each preceded by the control that it starts from."""
    chosen: dict[ControlName, Control] = {}
    for name in names:
        control = CONTROLS[name]
        if control.start:
            chosen[control.start] = CONTROLS[control.start]
        chosen[name] = control
    return list(chosen.values())
