"""Pieces that both stages put together: rows and their order, batch sizes, what is written into manifests."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import math
import os
import platform
from collections.abc import Collection, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from transformers import TrainingArguments

from adapters_hub.base import BaseEncoder
from adapters_hub.errors import AdaptersHubError, CompositionError
from adapters_hub.format import BaseReference
from adapters_hub.hub import Fetched, HubError, fetch_module, push
from trainer.batches import Order, Rows
from trainer.settings import DataSource, Recipe, fill

logger = logging.getLogger(__name__)

_LIBRARIES = ("modular-sentence-encoders", "torch", "transformers", "peft", "accelerate", "datasets")


def own_copy(base: BaseEncoder) -> BaseEncoder:
    """The base with a transformer of its own, for a phase that changes it."""
    return dataclasses.replace(base, backbone=deepcopy(base.backbone), dense=deepcopy(base.dense))


def base_reference(base: BaseEncoder, components: Collection[str] | None = None) -> BaseReference:
    """How a manifest names the base; that of a language module with its components."""
    vocabulary = base.vocabulary_fingerprint(components) if components is not None else None
    return BaseReference(base.source, base.revision, base.fingerprint, base.hub_id, vocabulary)


def language_module(recipe: Recipe, language: str) -> Fetched:
    """Where the language module of stage 1 lies; fetched if it is on a hub.

    Raises:
        CompositionError: it is not there.
    """
    source = _module_source(recipe, language)
    if not has_language_module(recipe, language):
        # The recipe of another language need not fit the pivot.
        own = " (a pivot that is the base as it is: with --recipe trainer/recipes/pivot.yaml)"
        raise CompositionError(
            f"{source} has no language module: run trainer/stage1.py --languages {language} first"
            + (own if language == recipe.pivot else "")
        )
    with PartialState().main_process_first():
        return fetch_module(source, recipe.hub)


def has_language_module(recipe: Recipe, language: str) -> bool:
    """Whether stage 1 left one; of those that the recipe names one by one it is taken for granted."""
    one_by_one = "{language}" in (recipe.modules_dir or recipe.output_dir)
    return one_by_one or (Path(_module_source(recipe, language)) / "module.json").is_file()


def _module_source(recipe: Recipe, language: str) -> str:
    place = recipe.modules_dir or recipe.output_dir
    return fill(place, language, recipe.pivot) if "{language}" in place else str(Path(place) / language)


def split(data: Dataset, eval_share: float) -> tuple[Dataset, Dataset | None]:
    """Training rows and, from the end, those for evaluation: at least one of each where there are two rows."""
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

    A batch larger than all the data is made smaller, and said so. One larger than a part among several is not: it
    would be smaller for all of them.
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
    """Rows of a batch over all processes: as many as asked for, or all there are of a single part."""
    processes, wanted = int(PartialState().num_processes), arguments.per_device_train_batch_size
    return processes * (wanted if len(lengths) > 1 else max(min(wanted, lengths[0] // processes), 1))


def steps_of(order: Order, arguments: TrainingArguments) -> int:
    """How many steps the trainer takes with this order."""
    if arguments.max_steps > 0:
        return arguments.max_steps
    batches = len(order) // order.block if arguments.dataloader_drop_last else math.ceil(len(order) / order.block)
    updates = max(math.ceil(batches / arguments.gradient_accumulation_steps), 1)
    return math.ceil(arguments.num_train_epochs * updates)


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


def data_facts(source: DataSource, use: str, language: str, pivot: str) -> dict[str, Any]:
    """What a card says about a source of text.

    Args:
        source: of the recipe.
        use: what it was for.
        language: fills `{language}`.
        pivot: fills `{pivot}`.
    """
    path = Path(fill(source.path, language, pivot))
    facts: dict[str, Any] = {
        "use": use,
        "name": source.name or (path.name if path.is_file() else str(path)),
        "columns": [fill(column, language, pivot) for column in source.columns or []],
        "license": source.license,
        "limit": source.limit,
    }
    if path.is_file():
        return facts | {"bytes": path.stat().st_size}
    return facts | {"dataset": str(path)}


def publish(recipe: Recipe, folder: Path) -> str | None:
    """Publish a finished module if the recipe wants it; on the main process.

    Returns:
        What went wrong. The module lies in its folder all the same, and the other languages are still to come.
    """
    if not recipe.push_to_hub or not PartialState().is_main_process:
        return None
    try:
        pushed = push(folder, recipe.repo_of(folder.name), hub=recipe.hub, private=recipe.hub_private_repo)
    except AdaptersHubError as error:
        logger.error("%s is finished, but was not published: %s", folder, error)
        return str(folder)
    logger.info(
        "%s: %s %s", folder, "published as" if pushed.changed else "unchanged at", f"{pushed.repo}@{pushed.commit}"
    )
    return None


def refuse_unpublished(failures: Sequence[str | None]) -> None:
    """Fail at the end of a run if modules could not be published.

    Raises:
        HubError: names them and says what to do.
    """
    if folders := [folder for folder in failures if folder]:
        raise HubError(f"not published: {', '.join(folders)}; the same command tries again and trains nothing anew")


def hardware() -> str:
    """What training runs on, for the card."""
    processes = PartialState().num_processes
    if PartialState().device.type == "cuda":
        return f"{processes} × {torch.cuda.get_device_name()}"
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {processes} process{'es' if processes > 1 else ''}"


def versions() -> dict[str, str]:
    """Versions of the libraries that training rests on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
