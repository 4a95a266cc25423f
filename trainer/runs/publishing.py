"""Publish what a run has finished."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from accelerate import PartialState

from adapters_hub.errors import AdaptersHubError
from adapters_hub.hub import HubError, push
from trainer.settings import Recipe

logger = logging.getLogger(__name__)


def publish(recipe: Recipe, folder: Path) -> str | None:
    """Publish a finished module if the recipe asks for it; only the main process does.

    Returns:
        The module's folder if publishing failed, else None. A failure does not stop the run: other languages follow.
    """
    if not recipe.push_to_hub or not PartialState().is_main_process:
        return None
    try:
        pushed = push(folder, recipe.repo_of(folder.name), hub=recipe.hub, private=recipe.hub_private_repo)
    except AdaptersHubError as error:
        logger.error("%s is finished, but was not published: %s", folder, error)
        return str(folder)
    logger.info(
        "%s: %s %s", folder, "published as" if pushed.changed else "unchanged at", f"{pushed.repo}@{pushed.commit}"
    )
    return None


def refuse_unpublished(failures: Sequence[str | None]) -> None:
    """Fail at the end of a run if modules could not be published.

    Raises:
        HubError: names them and says what to do.
    """
    if folders := [folder for folder in failures if folder]:
        raise HubError(f"not published: {', '.join(folders)}; run the same command to try again, without training")
