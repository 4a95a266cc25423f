"""LA as in transformers' MLM example: text in blocks of full length, logits for every token, a LoRA from PEFT."""

from __future__ import annotations

import itertools

from datasets import Dataset
from peft import LoraConfig, inject_adapter_in_model
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)

from eval.speed.peers.peer import Clock, Task


def main() -> None:
    """Train a few steps and report their time."""
    task, clock = Task.read(), Clock()
    tokenizer = AutoTokenizer.from_pretrained(task.model)
    model = AutoModelForMaskedLM.from_pretrained(task.model)
    inject_adapter_in_model(LoraConfig(**task.lora), model.base_model, adapter_name="language")
    model.get_input_embeddings().weight.requires_grad_(True)  # the output layer is tied to it
    ids = itertools.chain.from_iterable(tokenizer([row[0] for row in task.rows()])["input_ids"])
    tokens = list(ids)
    blocks = [tokens[start : start + task.length] for start in range(0, len(tokens) - task.length, task.length)]
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**task.arguments),
        train_dataset=Dataset.from_dict({"input_ids": blocks}),
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
        callbacks=[clock],
    )
    trainer.train()
    clock.report(task.batch * task.length)


if __name__ == "__main__":
    main()
