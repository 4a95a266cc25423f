"""Choose the process that writes to a folder, on one or several machines, with or without a shared file system."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import gather_object

from adapters_hub.durable import unfinished
from adapters_hub.errors import AdaptersHubError


@functools.cache
def writes_to(folder: Path) -> bool:
    """Whether this process writes to a folder: the local main process of the first machine that sees the folder does.

    All processes must call this function, each with the folder on its own machine.

    Raises:
        AdaptersHubError: the folder cannot be written.
    """
    state = PartialState()
    if state.num_processes == 1:
        return True
    with contextlib.ExitStack() as stack:
        mark = None
        if state.is_local_main_process:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                mark = stack.enter_context(unfinished(folder / "machine"))
                mark.touch()
            except OSError as error:
                raise AdaptersHubError(f"cannot write to {folder}: {error.strerror or error}") from error
        marks = gather_object([f"{mark.parent.name}/{mark.name}" if mark else None])
        first = next((rank for rank, name in enumerate(marks) if name and (folder / name).exists()), None)
        state.wait_for_everyone()
    return mark is not None and first == state.process_index


def on_all(fact: bool) -> bool:
    """Whether a fact is true on all processes; all processes must call this function."""
    return all(gather_object([fact]))
