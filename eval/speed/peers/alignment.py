"""CLA by sentence-transformers: a frozen teacher encodes the pivot at each step; the same bottlenecks are trained."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from torch import nn
from transformers import PreTrainedModel

from adapters_hub import load_base
from eval.speed.modules import random_bottlenecks
from eval.speed.peers.peer import Clock, Task


class CosineToTeacher(nn.Module):
    """`1 - cos(student(target), teacher(pivot))`."""

    def __init__(self, student: SentenceTransformer, teacher: SentenceTransformer) -> None:
        super().__init__()
        self.student = student
        self._teacher = [teacher.eval()]  # a list hides the teacher from this module's `train()`

    def forward(self, features: Iterable[dict[str, torch.Tensor]], labels: torch.Tensor) -> torch.Tensor:
        """The mean loss over the batch."""
        pivot, target = features
        with torch.no_grad():
            wanted = self._teacher[0](pivot)["sentence_embedding"]
        found = self.student(target)["sentence_embedding"]
        return (1 - nn.functional.cosine_similarity(found.float(), wanted.float())).mean()


def main() -> None:
    """Train a few steps and report their time."""
    task, clock = Task.read(), Clock()
    student, teacher = SentenceTransformer(task.model), SentenceTransformer(task.teacher)
    base = load_base(task.lora["base"])
    bottlenecks = random_bottlenecks(base).to(student.device)
    student.requires_grad_(False)
    student[0].bottlenecks = bottlenecks
    backbone: PreTrainedModel = student[0].auto_model  # type: ignore[assignment]
    bottlenecks.attach(backbone, base.architecture)
    for model in (student, teacher):
        model.max_seq_length = task.length
    rows = task.rows()
    trainer = SentenceTransformerTrainer(
        model=student,
        args=SentenceTransformerTrainingArguments(**task.arguments, prompts=task.prompt),
        train_dataset=Dataset.from_dict({"pivot": [row[0] for row in rows], "target": [row[1] for row in rows]}),
        loss=CosineToTeacher(student, teacher),
        callbacks=[clock],
    )
    trainer.train()
    clock.report()


if __name__ == "__main__":
    main()
