"""The training of sentence vectors that stage 1, stage 2 and the monolithic controls share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from datasets import Dataset

from adapters_hub import BaseEncoder
from trainer.data.batches import Rows
from trainer.objectives.collator import ObjectiveCollator
from trainer.objectives.frozen_vectors import FrozenEncoder
from trainer.objectives.parts import Part, frozen_texts, row_counts
from trainer.objectives.teachers import Teachers
from trainer.objectives.trainer import FrozenVectors, ObjectiveTrainer
from trainer.settings import Recipe
from trainer.training.arguments import PhaseArguments
from trainer.training.embedding_trainer import SentenceModel
from trainer.training.steps import numbers_used, rows_in_order


class Section(Protocol):
    """The settings of a phase that trains sentence vectors."""

    scale: float
    tokens_per_pass: int | None
    gradient_cache: bool


@dataclass(frozen=True)
class Targets:
    """Vectors of frozen encoders that the trainer looks up.

    Attributes:
        pivots: the pivot's vectors; None if no kind of batch has a frozen side.
        teachers: the teachers' vectors; None if `pivots` serve as the teacher's.
        facts: facts about the teachers, for the manifest.
    """

    pivots: FrozenVectors | None = None
    teachers: FrozenVectors | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class SentenceTraining:
    """One run of `ObjectiveTrainer`, with the choice of its rows and of the frozen vectors to look up.

    Args:
        parts: the rows, each part of one kind.
        arguments: the phase's training arguments.
        recipe: the recipe, which gives the seed, the pivot and the hub.
        frozen: the language whose vectors are looked up instead of encoded; None to encode all texts.
    """

    def __init__(self, parts: Sequence[Part], arguments: PhaseArguments, recipe: Recipe, frozen: str | None) -> None:
        self.parts = list(parts)
        self._arguments = arguments
        self._recipe = recipe
        self._frozen = frozen
        shares = [part.source.share for part in parts]
        self._rows, self._order = rows_in_order([part.train for part in parts], arguments, recipe.seed, shares)

    def look_up(
        self, base: BaseEncoder, pivot: FrozenEncoder | None, teachers: Sequence[str], max_length: int
    ) -> Targets:
        """Encode the pivot's sentences that training will see, or look them up if they were encoded before.

        Args:
            base: the untouched base; it is copied, never changed.
            pivot: the encoder that gives the frozen sides of batches; None if there are none.
            teachers: see `trainer.objectives.teachers`; if empty, the pivot is the teacher.
            max_length: number of tokens after which a teacher's sentences are cut, the same as on the trained side.
        """
        pivots = None if pivot is None else pivot.vectors(self._looked_up())
        related = {"relational", "graded"}
        if not teachers or not related & {part.kind for part in self.parts}:
            return Targets(pivots)
        recipe = self._recipe
        found = Teachers(teachers, base, recipe.pivot, max_length, recipe.hub)
        return Targets(pivots, found.of(self._looked_up(related)), {"teachers": found.facts})

    def _looked_up(self, kinds: Collection[str] = ()) -> list[str]:
        used = numbers_used(self._order, self._arguments)
        return frozen_texts(self.parts, self._recipe.pivot, used, kinds)

    def run(
        self,
        model: SentenceModel,
        pad_token: int,
        section: Section,
        targets: Targets,
        logs: Path,
        evaluation: Dataset | None = None,
    ) -> dict[str, Any]:
        """Train the model.

        Args:
            model: the model that computes the vectors; its trainable parameters are trained.
            pad_token: padding id of the tokenizer.
            section: the phase's section of the recipe.
            targets: from `look_up`.
            logs: folder for TensorBoard's events.
            evaluation: evaluation rows of the first part's kind; by default those of the first part.

        Returns:
            The facts about the training, for the manifest.
        """
        kinds = [part.kind for part in self.parts]
        evaluation = self.parts[0].evaluation if evaluation is None else evaluation
        trainer = ObjectiveTrainer(
            model,
            self._arguments,
            self._rows,
            self._order,
            ObjectiveCollator(
                kinds,
                [part.languages for part in self.parts],
                pad_token,
                self._recipe.seed,
                self._frozen,
                section.tokens_per_pass,
            ),
            eval_rows=Rows(evaluation) if evaluation is not None and len(evaluation) else None,
            kinds=kinds,
            pivots=targets.pivots,
            teachers=targets.teachers,
            scale=section.scale,
            gradient_cache=section.gradient_cache,
        )
        facts: dict[str, Any] = trainer.run(logs)
        return facts | {"rows": row_counts(self.parts)} | targets.facts
