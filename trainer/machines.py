"""Which processes write: one for each place, on one machine or many, that share a file system or do not."""

from __future__ import annotations

import functools
import uuid
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import gather_object

from adapters_hub.errors import AdaptersHubError


@functools.cache
def writes_to(folder: Path) -> bool:
    """Whether this process is the one that writes to a folder: of all the machines that see it, the first's main one.

    Called by all processes, each with its own machine's folder.

    Raises:
        AdaptersHubError: the folder cannot be written.
    """
    state = PartialState()
    if state.num_processes == 1:
        return True
    name = f".{uuid.uuid4().hex}.machine" if state.is_local_main_process else ""
    if name:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        except OSError as error:
            raise AdaptersHubError(f"cannot write to {folder}: {error.strerror or error}") from error
    names = gather_object([name])
    first = next((rank for rank, other in enumerate(names) if other and (folder / other).exists()), None)
    state.wait_for_everyone()
    if name:
        (folder / name).unlink(missing_ok=True)
    return bool(name) and first == state.process_index


def on_all(fact: bool) -> bool:
    """Whether something holds on all processes. Called by all of them."""
    return all(gather_object([fact]))
