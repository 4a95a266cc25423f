"""The trainer usually used for a phase, with its best ordinary settings; `python -m speed.peers TASK` runs one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import inject_adapter_in_model
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.losses import MultipleNegativesRankingLoss
from torch import nn
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
)

from adapters_hub import load_base
from speed.inputs import BASE, lora_config, random_bottlenecks
from speed.measure import DEVICE, DTYPE, run
from trainer.training.clock import Clock


@dataclass(frozen=True)
class Task:
    """A training task for a peer.

    Attributes:
        phase: `la`, `se` or `cla`.
        stock: folder of an ordinary SentenceTransformer.
        data: TSV or text file.
        steps: number of steps; the first is not counted.
        batch: rows per step.
        length: maximum length of texts in tokens.
        output: folder for all output.
    """

    phase: str
    stock: str
    data: str
    steps: int
    batch: int
    length: int
    output: str

    def seconds_per_step(self) -> float:
        """Train in a process of its own; return the median time of a step in seconds."""
        printed, _ = run(["-m", "speed.peers", json.dumps(asdict(self))])
        return float(printed.split()[-1])

    def columns(self, *names: str) -> Dataset:
        """The data with these column names."""
        rows = [line.split("\t") for line in Path(self.data).read_text(encoding="utf-8").splitlines()]
        return Dataset.from_dict(dict(zip(names, zip(*rows, strict=True), strict=True)))

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments for the `TrainingArguments` of transformers and sentence-transformers."""
        return {
            "output_dir": self.output,
            "max_steps": self.steps,
            "per_device_train_batch_size": self.batch,
            "bf16": torch.bfloat16 == DTYPE,
            "use_cpu": DEVICE == "cpu",  # otherwise bf16 is refused without a GPU
            "learning_rate": 1e-4,
            "save_strategy": "no",
            "logging_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
        }


def language_adaptation(task: Task) -> Trainer:
    """LA as in transformers' MLM example: text in blocks of full length, logits for every token, a LoRA from PEFT."""
    tokenizer = AutoTokenizer.from_pretrained(task.stock)
    model = AutoModelForMaskedLM.from_pretrained(task.stock)
    inject_adapter_in_model(lora_config(load_base(BASE)), model.base_model, adapter_name="language")
    model.get_input_embeddings().weight.requires_grad_(True)  # the output layer is tied to it
    tokens = list(chain.from_iterable(tokenizer(list(task.columns("text")["text"]))["input_ids"]))
    blocks = [tokens[start : start + task.length] for start in range(0, len(tokens) - task.length, task.length)]
    return Trainer(
        model=model,
        args=TrainingArguments(**task.arguments),
        train_dataset=Dataset.from_dict({"input_ids": blocks}),
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
    )


def sentence_encoding(task: Task) -> Trainer:
    """SE by sentence-transformers, with MultipleNegativesRankingLoss and a LoRA from PEFT."""
    base, model = load_base(BASE), SentenceTransformer(task.stock)
    model.max_seq_length = task.length
    model.add_adapter(lora_config(base))
    return SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(**task.arguments, prompts=base.prompt),
        train_dataset=task.columns("anchor", "positive"),
        loss=MultipleNegativesRankingLoss(model),
    )


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


def alignment(task: Task) -> Trainer:
    """CLA by sentence-transformers: a frozen teacher encodes the pivot at each step; our bottlenecks are trained."""
    base, student, teacher = load_base(BASE), SentenceTransformer(task.stock), SentenceTransformer(task.stock)
    for model in (student, teacher):
        model.max_seq_length = task.length
    student.requires_grad_(False)
    student[0].bottlenecks = bottlenecks = random_bottlenecks(base).to(student.device)
    backbone: PreTrainedModel = student[0].auto_model  # type: ignore[assignment]
    bottlenecks.attach(backbone, base.architecture)
    return SentenceTransformerTrainer(
        model=student,
        args=SentenceTransformerTrainingArguments(**task.arguments, prompts=base.prompt),
        train_dataset=task.columns("pivot", "target"),
        loss=CosineToTeacher(student, teacher),
    )


def main() -> None:
    """Train a few steps and print the median seconds per step, by the clock that the stages use."""
    task, clock = Task(**json.loads(sys.argv[1])), Clock()
    trainer = {"la": language_adaptation, "se": sentence_encoding, "cla": alignment}[task.phase](task)
    trainer.add_callback(clock)
    trainer.train()
    sys.stdout.write(f"{clock.times()['seconds_per_step']}\n")


if __name__ == "__main__":
    main()
