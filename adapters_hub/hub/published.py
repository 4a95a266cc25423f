"""What loaded modules have in common with regard to hubs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from adapters_hub.hub.hub import Hub, Pushed
from adapters_hub.hub.publishing import push


class PublishedModule:
    """A module that lies in a folder and can be published.

    Attributes:
        folder: where it lies.
    """

    folder: Path

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
        """Publish this module; arguments and errors as those of `adapters_hub.hub.push`."""
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
