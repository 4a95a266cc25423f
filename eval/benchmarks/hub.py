"""Datasets of the Hugging Face Hub."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.errors import MissingDataError

_SECONDS = 10


class Hub:
    """Fetches datasets; what was fetched before serves where the Hub does not answer.

    Whether it answers is asked once: each dataset by itself would be asked for over and over, for half a minute.
    """

    @cached_property
    def silence(self) -> str | None:
        """Why nothing can be asked for; None: it answers."""
        import huggingface_hub

        if huggingface_hub.constants.HF_HUB_OFFLINE:
            return "is switched off by HF_HUB_OFFLINE"
        try:
            huggingface_hub.get_session().head(huggingface_hub.constants.ENDPOINT, timeout=_SECONDS)
        except Exception:  # whatever the client of the day raises: without an answer, it does not answer
            return "does not answer"
        return None

    def fetch(self, dataset: str, revision: str | None, subset: str | None, split: str) -> Any:  # noqa: ANN401
        """A part of a dataset, as a `datasets.Dataset`.

        Raises:
            MissingDataError: it cannot be had.
        """
        if Path(dataset).exists():
            raise MissingDataError(
                f"{dataset} is a file or folder here, which would be read in place of the Hub's: start elsewhere"
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
        if revision and commit_of(rows) not in (None, revision):  # the cache is not asked for a revision
            raise MissingDataError(
                f"{dataset} cannot be fetched from the Hub, which {self.silence}, and the cache has revision "
                f"{commit_of(rows)} in place of {revision}"
            )
        return rows


def load_part(dataset: str, subset: str | None, split: str, revision: str | None = None) -> Any:  # noqa: ANN401
    """A part of a dataset by its id on the Hub, or of a clone by its path.

    Raises:
        MissingDataError: it is not there.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        return load_dataset(dataset, subset, split=split, revision=revision)
    except (DatasetsError, OSError, ValueError, ImportError, RuntimeError) as error:  # a SOCKS proxy; a script
        why = str(error).partition("\n")[0]
        raise MissingDataError(f"{dataset} ({subset or 'default'}, {split}) cannot be fetched: {why}") from error


def commit_of(rows: Any) -> str | None:  # noqa: ANN401
    """The commit of the dataset's repository that its files were fetched at; None: it cannot be told."""
    for address in rows.download_checksums or ():
        if found := re.match(r"hf://datasets/[^@]+@([0-9a-f]{40})/", address):
            return found[1]
    return None


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Let `datasets` look into its cache at once, instead of after all attempts to connect."""
    import datasets.config
    import huggingface_hub.constants

    before = datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE = before
