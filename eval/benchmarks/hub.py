"""Datasets on the Hugging Face Hub."""

from __future__ import annotations

import contextlib
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.errors import MissingDataError

_SECONDS = 10


class Hub:
    """Fetches datasets, or reads them from the cache if the Hub does not answer.

    It checks only once whether the Hub answers, because each dataset would otherwise retry for half a minute.
    """

    @cached_property
    def silence(self) -> str | None:
        """Why the Hub cannot be used; None if it answers."""
        import huggingface_hub

        if huggingface_hub.constants.HF_HUB_OFFLINE:
            return "is switched off by HF_HUB_OFFLINE"
        try:
            huggingface_hub.get_session().head(huggingface_hub.constants.ENDPOINT, timeout=_SECONDS)
        except Exception:  # HTTP clients raise different errors; any of them means that the Hub does not answer
            return "does not answer"
        return None

    def fetch(self, dataset: str, revision: str | None, subset: str | None, split: str) -> Any:  # noqa: ANN401
        """Load one split of a dataset's subset, as a `datasets.Dataset`.

        Raises:
            MissingDataError: the data is neither on the Hub nor in the cache, or a local path has the dataset's name.
        """
        if Path(dataset).exists():
            raise MissingDataError(
                f"{dataset} is also a file or folder in the working directory, which would be read instead of the "
                "Hub's dataset: start from another directory"
            )
        try:
            with _offline() if self.silence else contextlib.nullcontext():
                rows = load_part(dataset, subset, split, revision)
        except MissingDataError as error:
            if self.silence is None:
                raise
            raise MissingDataError(
                f"{dataset} cannot be fetched from the Hub, which {self.silence}, and it is not in the cache"
            ) from error
        if revision and commit_of(rows) not in (None, revision):  # a cached dataset may be of another revision
            raise MissingDataError(
                f"{dataset} cannot be fetched from the Hub, which {self.silence}, and the cache has revision "
                f"{commit_of(rows)} instead of {revision}"
            )
        return rows


def load_part(dataset: str, subset: str | None, split: str, revision: str | None = None) -> Any:  # noqa: ANN401
    """Load one split of a dataset, given by its id on the Hub or by the path of a clone.

    Raises:
        MissingDataError: the data cannot be loaded.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        return load_dataset(dataset, subset, split=split, revision=revision)
    # ImportError: a SOCKS proxy without its library. RuntimeError: a dataset script.
    except (DatasetsError, OSError, ValueError, ImportError, RuntimeError) as error:
        why = textwrap.shorten(str(error).partition("\n")[0], 300, placeholder="…")  # it may list all kinds of file
        raise MissingDataError(f"{dataset} ({subset or 'default'}, {split}) cannot be fetched: {why}") from error


def commit_of(rows: Any) -> str | None:  # noqa: ANN401
    """The commit at which the dataset's files were fetched; None if it is unknown."""
    for address in rows.download_checksums or ():
        if found := re.match(r"hf://datasets/[^@]+@([0-9a-f]{40})/", address):
            return found[1]
    return None


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Make `datasets` use its cache at once, without trying to connect first."""
    import datasets.config
    import huggingface_hub.constants

    before = datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE = before
