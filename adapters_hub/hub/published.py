"""What language modules and alignment adapters share: their folder on disk, and publishing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters_hub.errors import CompositionError
from adapters_hub.folders import FileState, file_state
from adapters_hub.format import Manifest, read_manifest
from adapters_hub.hub.hub import Pushed
from adapters_hub.hub.publishing import push


class PublishedModule:
    """A module that lies in a folder and can be published.

    Attributes:
        manifest: its manifest.
        folder: its absolute path.
        address: `org/name@commit` if it came from a hub.
        states: the state of its files when they were read, to notice later changes.
    """

    manifest: Manifest
    folder: Path
    address: str | None
    states: Mapping[str, FileState | None]

    @property
    def language(self) -> str:
        """The language, ISO 639-3."""
        return self.manifest.language

    def is_as_read(self, *names: str) -> bool:
        """Whether the files of these names, by default all of its files, have not changed since they were read."""
        return all(file_state(self.folder / name) == self.states[name] for name in names or self.states)

    def check_unchanged(self) -> None:
        """Refuse to go on if the folder holds another module by now.

        Raises:
            CompositionError: the fingerprints differ.
            ModuleFormatError: the folder no longer holds a module.
        """
        loaded, found = self.manifest.fingerprint, read_manifest(self.folder).fingerprint
        if found != loaded:
            raise CompositionError(
                f"{self.folder} holds another module (fingerprint {found[:12]}) than when {self.manifest.name!r} was "
                f"loaded from it ({loaded[:12]}): remove it from the encoder and add it again"
            )

    def push_to_hub(self, repo: str, **options: Any) -> Pushed:  # noqa: ANN401
        """Publish this module; options as for `adapters_hub.hub.push`, errors as for it and `check_unchanged`."""
        self.check_unchanged()
        return push(self.folder, repo, **options)
