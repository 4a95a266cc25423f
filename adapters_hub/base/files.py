"""The files of a base's checkpoint, in a folder or in the Hub's cache.

No file is ever run as code, and no file outside the checkpoint is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from adapters_hub.errors import BaseEncoderError, ModuleFormatError
from adapters_hub.folders import inner_path
from adapters_hub.json_files import load_json

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_MOST_SHARDS = 1000


@dataclass(frozen=True)
class CheckpointFiles:
    """Access to the files of a checkpoint: a folder, or a repo of the Hub at a branch, tag or commit."""

    checkpoint: str
    revision: str | None = None

    @property
    def commit(self) -> str | None:
        """The commit that the revision currently points to; None for a folder."""
        if Path(self.checkpoint).is_dir():
            return None
        path = self.path("config.json")
        # …/snapshots/COMMIT/config.json
        return path.parent.name if path and path.parent.parent.name == "snapshots" else None

    def path(self, name: str) -> Path | None:
        """The local path of a file, which is fetched if need be; None if the checkpoint has no such file.

        Raises:
            BaseEncoderError: the name points outside the checkpoint.
        """
        folder = Path(self.checkpoint)
        try:
            inside = inner_path(folder, name)
        except ModuleFormatError as error:
            raise BaseEncoderError(str(error)) from error
        if folder.is_dir():
            return inside if inside.is_file() else None
        try:
            found = cached_file(
                self.checkpoint,
                name,
                revision=self.revision,
                _raise_exceptions_for_gated_repo=False,
                _raise_exceptions_for_missing_entries=False,
                _raise_exceptions_for_connection_errors=False,
            )
        except OSError:
            return None
        return Path(found) if found else None

    def json(self, name: str) -> Any:  # noqa: ANN401
        """The content of a JSON file; None if the checkpoint has no such file.

        Raises:
            BaseEncoderError: the file is not JSON, or too large for a file of settings.
        """
        path = self.path(name)
        if path is None:
            return None
        try:
            return load_json(path)
        except ValueError as error:
            raise BaseEncoderError(f"{path} cannot be read ({error}): fetch the base encoder again") from error

    def weights(self) -> list[Path]:
        """The safetensors files with the weights: a single file, or all that the index names; may be empty.

        Raises:
            BaseEncoderError: the index is damaged.
        """
        if (whole := self.path(_WEIGHTS)) is not None:
            return [whole]
        index = self.json(_INDEX)
        shards = index.get("weight_map") if isinstance(index, dict) else None
        names = sorted({str(name) for name in shards.values()}) if isinstance(shards, dict) else []
        if len(names) > _MOST_SHARDS:
            raise BaseEncoderError(
                f"base encoder {self.checkpoint!r} has its weights in {len(names)} files: choose a base with fewer"
            )
        return [path for name in names if (path := self.path(name)) is not None]
