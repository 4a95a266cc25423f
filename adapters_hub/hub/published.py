"""What loaded modules have in common with regard to hubs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from adapters_hub.errors import CompositionError
from adapters_hub.folders import FileState, file_state
from adapters_hub.format import Manifest, read_manifest
from adapters_hub.hub.hub import Hub, Pushed
from adapters_hub.hub.publishing import push


class PublishedModule:
    """A module that lies in a folder and can be published.

    Attributes:
        manifest: what it is.
        folder: where it lies, wherever the process is by now.
        states: of its files, as they were when they were read.
    """

    manifest: Manifest
    folder: Path
    states: Mapping[str, FileState | None]

    def is_as_read(self, *names: str) -> bool:
        """Whether nobody has replaced or written to its files, or those of these names, since they were read."""
        return all(file_state(self.folder / name) == self.states[name] for name in names or self.states)

    def check_unchanged(self) -> None:
        """Refuse a folder in which another module lies by now.

        Raises:
            CompositionError: the fingerprints differ.
            ModuleFormatError: no module is there any more.
        """
        loaded, found = self.manifest.fingerprint, read_manifest(self.folder).fingerprint
        if found != loaded:
            raise CompositionError(
                f"{self.folder} holds another module (fingerprint {found[:12]}) than when {self.manifest.name!r} was "
                f"loaded from it ({loaded[:12]}): remove it from the encoder and add it again"
            )

    def push_to_hub(
        self,
        repo: str,
        *,
        hub: Hub | str | os.PathLike[str] | None = None,
        reports: Iterable[str | os.PathLike[str]] | None = None,
        license: str | None = None,
        private: bool = False,
        revision: str | None = None,
        message: str | None = None,
    ) -> Pushed:
        """Publish this module; arguments and errors as those of `adapters_hub.hub.push` and `check_unchanged`."""
        self.check_unchanged()
        return push(
            self.folder,
            repo,
            hub=hub,
            reports=reports,
            license=license,
            private=private,
            revision=revision,
            message=message,
        )
