"""Working folders of unfinished modules: the settings, checkpoints and results of their phases."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import PartialState

from adapters_hub.durable import remove_leftovers
from adapters_hub.folders import sha256, write_folder, write_text
from trainer.training.machines import on_all, writes_to

logger = logging.getLogger(__name__)

_SETTINGS = "settings.json"
_UNFINISHED = "unfinished"
_FACTS = "facts.json"
_HASHES = "sha256.json"


class Workspace:
    """The working folder of one unfinished module.

    Args:
        output_dir: the recipe's output folder.
        name: the name of the module's folder.
    """

    def __init__(self, output_dir: str | Path, name: str) -> None:
        self.folder = Path(output_dir) / _UNFINISHED / name
        self.writes = writes_to(Path(output_dir))
        """Whether this process writes; if each machine has its own disk, one process per machine writes the files."""

    def phase(self, name: str, settings: dict[str, Any]) -> PhaseFolder:
        """The folder of a phase, emptied first if it was begun with other settings.

        Raises:
            AdaptersHubError: the folder cannot be written.
        """
        folder = PhaseFolder(self.folder / name, self.writes)
        text = json.dumps(settings, indent=2, sort_keys=True, default=str)
        if self.writes:
            recorded = folder.path / _SETTINGS
            if recorded.is_file() and recorded.read_bytes() != text.encode("utf-8"):
                logger.warning("%s was begun with other settings: starting it anew", folder.path)
                shutil.rmtree(folder.path)
            write_text(recorded, text)
            folder.delete_damaged_result()
        PartialState().wait_for_everyone()
        return folder

    def remove(self, target: Path) -> None:
        """Delete the folder, and the files that a killed run has left beside the finished module `target`."""
        if self.writes:
            shutil.rmtree(self.folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # it still holds the folders of other modules
                self.folder.parent.rmdir()
            remove_leftovers(target.parent)


class PhaseFolder:
    """Checkpoints and result of one phase.

    Args:
        path: the folder.
        writes: whether this process writes to it.
    """

    def __init__(self, path: Path, writes: bool) -> None:
        self.path = path
        self.writes = writes

    @property
    def checkpoints(self) -> Path:
        """Where the trainer keeps its checkpoints."""
        return self.path / "checkpoints"

    @property
    def result(self) -> Path:
        """The folder of the phase's result, which exists only when the result is complete."""
        return self.path / "result"

    def is_finished(self) -> bool:
        """Whether the result exists on all machines; all processes look before any of them goes on and may write it."""
        return on_all(self.result.is_dir())

    @property
    def logs(self) -> Path:
        """The folder for TensorBoard's events, which outlive the workspace."""
        unfinished, name, phase = self.path.parts[-3:]
        assert unfinished == _UNFINISHED
        return self.path.parents[2] / "logs" / name / phase

    def finish(self, write: Callable[[Path], dict[str, Any]]) -> None:
        """Write the result atomically and delete the checkpoints, on each machine.

        Args:
            write: writes to a folder, and returns the facts about the phase for the manifest.
        """
        state = PartialState()
        state.wait_for_everyone()  # a trainer looks at its checkpoints until the very end
        if self.writes:
            with write_folder(self.result, replace=True) as folder:
                facts = json.dumps(write(folder), ensure_ascii=False, default=str)
                (folder / _FACTS).write_text(facts, encoding="utf-8")
                (folder / _HASHES).write_text(json.dumps(_hashes(folder)), encoding="utf-8")
        state.wait_for_everyone()
        if self.writes:
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def delete_damaged_result(self) -> None:
        """Delete a result whose files have changed since they were written, so that the phase runs again."""
        if not self.result.is_dir():
            return
        try:
            whole = json.loads((self.result / _HASHES).read_text(encoding="utf-8")) == _hashes(self.result)
        except (OSError, ValueError):
            whole = False
        if not whole:
            logger.warning("%s is damaged: running the phase again", self.result)
            shutil.rmtree(self.result)

    def facts(self) -> dict[str, Any]:
        """The facts that the phase recorded."""
        values: dict[str, Any] = json.loads((self.result / _FACTS).read_text(encoding="utf-8"))
        return values


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of all files below a folder, except the file that lists the hashes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in paths if path.name != _HASHES}
