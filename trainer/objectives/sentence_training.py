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
from trainer.objectives.frozen_vectors import FrozenEncoder, Together
from trainer.objectives.parts import Part, Reading, frozen_texts, row_counts
from trainer.objectives.teachers import open_teachers
from trainer.objectives.trainer import FrozenVectors, ObjectiveTrainer
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
        reading: how the parts were read.
        arguments: the phase's training arguments.
        section: the phase's section of the recipe.
    """

    def __init__(self, parts: Sequence[Part], reading: Reading, arguments: PhaseArguments, section: Section) -> None:
        self.parts = list(parts)
        self._reading = reading
        self._arguments = arguments
        self._section = section
        shares = [part.source.share for part in parts]
        self._rows, self._order = rows_in_order([part.train for part in parts], arguments, reading.seed, shares)

    def look_up(
        self, base: BaseEncoder, pivot: FrozenEncoder | None, teachers: Sequence[str], hub: str | None
    ) -> Targets:
        """Encode the pivot's sentences that training will see, or look them up if they were encoded before.

        Args:
            base: the untouched base; it is copied, never changed.
            pivot: the encoder that gives the frozen sides of batches; None if there are none.
            teachers: see `trainer.objectives.teachers`; if empty, the pivot is the teacher.
            hub: the hub from which teachers are fetched.
        """
        pivots = None if pivot is None else pivot.vectors(self._looked_up())
        related = {"relational", "graded"}
        if not teachers or not related & {part.kind for part in self.parts}:
            return Targets(pivots)
        opened = open_teachers(teachers, base, self._reading.pivot, self._reading.max_length, hub)
        texts = self._looked_up(related)
        together = Together([teacher.vectors(texts) for teacher in opened])
        return Targets(pivots, together, {"teachers": [teacher.facts for teacher in opened]})

    def _looked_up(self, kinds: Collection[str] = ()) -> list[str]:
        used = numbers_used(self._order, self._arguments)
        return frozen_texts(self.parts, self._reading.pivot, used, kinds)

    def run(
        self, model: SentenceModel, targets: Targets, logs: Path, evaluation: Dataset | None = None
    ) -> dict[str, Any]:
        """Train the model.

        Args:
            model: the model that computes the vectors; its trainable parameters are trained.
            targets: from `look_up`.
            logs: folder for TensorBoard's events.
            evaluation: evaluation rows of the first part's kind; by default those of the first part.

        Returns:
            The facts about the training, for the manifest.
        """
        reading, section, kinds = self._reading, self._section, [part.kind for part in self.parts]
        evaluation = self.parts[0].evaluation if evaluation is None else evaluation
        trainer = ObjectiveTrainer(
            model,
            self._arguments,
            self._rows,
            self._order,
            ObjectiveCollator(
                kinds,
                [part.languages for part in self.parts],
                int(reading.tokenizer.pad_token_id),  # type: ignore[arg-type]
                reading.seed,
                reading.frozen,
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
