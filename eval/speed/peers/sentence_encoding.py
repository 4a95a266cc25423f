"""SE by sentence-transformers, with MultipleNegativesRankingLoss and a LoRA from PEFT."""

from __future__ import annotations

from datasets import Dataset
from peft import LoraConfig
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.losses import MultipleNegativesRankingLoss

from eval.speed.peers.peer import Clock, Task


def main() -> None:
    """Train a few steps and report their time."""
    task, clock = Task.read(), Clock()
    model = SentenceTransformer(task.model)
    model.max_seq_length = task.length
    model.add_adapter(LoraConfig(**task.lora))
    rows = task.rows()
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(**task.arguments, prompts=task.prompt),
        train_dataset=Dataset.from_dict({"anchor": [row[0] for row in rows], "positive": [row[1] for row in rows]}),
        loss=MultipleNegativesRankingLoss(model),
        callbacks=[clock],
    )
    trainer.train()
    clock.report()


if __name__ == "__main__":
    main()
