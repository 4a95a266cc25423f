"""The rows that a run sees, their order, and the number of training steps."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from accelerate import PartialState
from datasets import Dataset
from transformers import TrainingArguments

from trainer.data.batches import Order, Rows

logger = logging.getLogger(__name__)


def split(data: Dataset, eval_share: float) -> tuple[Dataset, Dataset | None]:
    """Split off evaluation rows from the end; given two rows or more, both parts have at least one."""
    count = max(int(len(data) * eval_share), 1) if eval_share else 0
    if not 0 < count < len(data):
        return data, None
    return data.select(range(len(data) - count)), data.select(range(len(data) - count, len(data)))


def rows_in_order(
    parts: Sequence[Dataset],
    arguments: TrainingArguments,
    seed: int,
    shares: Sequence[float] | None = None,
) -> tuple[Rows, Order]:
    """Training rows and their order (see `Order`).

    With a single part, a batch larger than the data is made smaller, with a warning. With several parts the batch keeps
    its size, because it is the same for all of them.
    """
    lengths, processes = [len(part) for part in parts], PartialState().num_processes
    block = rows_of_a_step(lengths, arguments)
    if block < arguments.per_device_train_batch_size * processes:
        logger.warning(
            "a batch of %d rows is more than the %d there are: using batches of %d on each of %d process(es)",
            arguments.per_device_train_batch_size * processes,
            lengths[0],
            block // processes,
            processes,
        )
        arguments.per_device_train_batch_size = block // processes
    return Rows(*parts), Order(lengths, block, seed, shares=shares)


def rows_of_a_step(lengths: Sequence[int], arguments: TrainingArguments) -> int:
    """The rows of a batch over all processes: as many as configured, or fewer if a single part has not as many."""
    processes, wanted = int(PartialState().num_processes), arguments.per_device_train_batch_size
    return processes * (wanted if len(lengths) > 1 else max(min(wanted, lengths[0] // processes), 1))


def steps_of(order: Order, arguments: TrainingArguments) -> int:
    """The number of steps that the trainer takes with this order."""
    if arguments.max_steps > 0:
        return arguments.max_steps
    batches = len(order) // order.block if arguments.dataloader_drop_last else math.ceil(len(order) / order.block)
    updates = max(math.ceil(batches / arguments.gradient_accumulation_steps), 1)
    return math.ceil(arguments.num_train_epochs * updates)


def numbers_used(order: Order, arguments: TrainingArguments) -> set[int]:
    """The row numbers, over all parts, that a run will see, and possibly a few more at the end of an epoch."""
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
