"""Pieces that both stages put together: rows and their order, batch sizes, what is written into manifests."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import math
from collections.abc import Sequence
from copy import deepcopy

from accelerate import PartialState
from datasets import Dataset
from transformers import TrainingArguments

from adapters_hub.base import BaseEncoder
from adapters_hub.format import BaseReference
from trainer.batches import Order, Rows

logger = logging.getLogger(__name__)

_LIBRARIES = ("modular-sentence-encoders", "torch", "transformers", "peft", "accelerate", "datasets")


def own_copy(base: BaseEncoder) -> BaseEncoder:
    """The base with a transformer of its own, for a phase that changes it."""
    return dataclasses.replace(base, backbone=deepcopy(base.backbone))


def base_reference(base: BaseEncoder) -> BaseReference:
    """How a manifest names the base."""
    return BaseReference(base.source, base.revision, base.fingerprint, base.hub_id)


def split(data: Dataset, eval_share: float) -> tuple[Dataset, Dataset | None]:
    """Training rows and, from the end, those for evaluation."""
    count = int(len(data) * eval_share)
    if not 0 < count < len(data):
        return data, None
    return data.select(range(len(data) - count)), data.select(range(len(data) - count, len(data)))


def rows_in_order(
    parts: Sequence[Dataset], arguments: TrainingArguments, seed: int, second_share: float = 0.5
) -> tuple[Rows, Order]:
    """Training rows and their order; a batch larger than the data is made smaller, and said so."""
    processes = PartialState().num_processes
    smallest = min(len(part) for part in parts)
    if smallest < arguments.per_device_train_batch_size * processes:
        fitting = max(smallest // processes, 1)
        logger.warning(
            "a batch of %d rows is more than the %d there are: using batches of %d on each of %d process(es)",
            arguments.per_device_train_batch_size * processes,
            smallest,
            fitting,
            processes,
        )
        arguments.per_device_train_batch_size = fitting
    block = arguments.per_device_train_batch_size * processes
    return Rows(*parts), Order([len(part) for part in parts], block, seed, second_share)


def numbers_used(order: Order, arguments: TrainingArguments) -> set[int]:
    """The rows, counted over all parts, that a run will see (or a few more, where an epoch ends)."""
    total = sum(order.lengths)
    wanted = math.inf
    if arguments.max_steps > 0:
        wanted = arguments.max_steps * arguments.gradient_accumulation_steps * order.block
    epochs = math.ceil(arguments.num_train_epochs) if wanted == math.inf else math.ceil(wanted / order.block) + 1
    used: set[int] = set()
    seen = 0
    for epoch in range(epochs):
        numbers = order.numbers(epoch)
        left = wanted - seen
        used.update(number % total for number in (numbers if left >= len(numbers) else numbers[: int(left)]))
        seen += len(numbers) // order.block * order.block  # an incomplete batch at the end may be dropped
        if seen >= wanted or len(used) == total:
            break
    return used


def versions() -> dict[str, str]:
    """Versions of the libraries that training rests on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
