"""What every training program does: skip what is finished, make the rest, and publish it."""

from __future__ import annotations

import abc
import functools
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from accelerate import PartialState

from adapters_hub import BaseEncoder, load_base
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import Manifest
from adapters_hub.hub import HubError, push
from trainer.data.files import as_recorded
from trainer.runs.identity import check_same_settings, finished
from trainer.runs.workspace import Workspace
from trainer.settings import Recipe

logger = logging.getLogger(__name__)


class Run(abc.ABC):
    """Makes one of the modules or encoders that a recipe asks for.

    Args:
        recipe: all settings.
        target: the folder that it is written to.
        data: the manifest's entries about the data; see `trainer.data.facts`.
    """

    what: ClassVar[str]
    """What it makes, for the log."""
    manifest: ClassVar[type[Manifest] | None] = None
    """The manifest of a module; None for an encoder, which is not published."""

    def __init__(self, recipe: Recipe, target: Path, data: list[dict[str, Any]]) -> None:
        self.recipe = recipe
        self.target = target
        self.data = data
        self.workspace = Workspace(recipe.output_dir, target.name)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """Everything that the weights depend on, as the manifest records it."""
        return self.identify()

    @abc.abstractmethod
    def identify(self) -> dict[str, Any]:
        """Compute `settings`."""

    @abc.abstractmethod
    def train(self, base: BaseEncoder) -> Callable[[Path], object] | None:
        """Train, and return a function that writes the target; None if the recipe stops before that."""

    def recorded(self) -> dict[str, Any] | None:
        """The settings that the target was made with; None if it does not exist, or is to be overwritten.

        Raises:
            SettingsError: the target is damaged.
        """
        assert self.manifest is not None
        return finished(self.target, self.manifest, self.recipe.overwrite)

    def is_finished(self) -> bool:
        """Whether the target exists and was made with the same settings.

        Raises:
            SettingsError: the target exists, but is damaged or was made with other settings.
        """
        found = self.recorded()
        if found is None:
            return False
        check_same_settings(self.target, found, self.settings)
        return True

    def make(self, base: BaseEncoder) -> bool:
        """Train, and write the target.

        Args:
            base: the base encoder; it is copied, never changed.

        Returns:
            False if the recipe stops before the target is written.

        Raises:
            DataError: a file of data has changed since it was hashed, or does not have the expected form.
        """
        with as_recorded(self.settings):
            write = self.train(base)
        if write is None:
            logger.info(
                "%s: stopped after %s; run without --stop_after to continue", self.target.name, self.recipe.stop_after
            )
            return False
        if self.workspace.writes:
            write(self.target)
            size = sum(path.stat().st_size for path in self.target.rglob("*") if path.is_file())
            logger.info("%s: %s written to %s (%.1f MB)", self.target.name, self.what, self.target, size / 1e6)
        PartialState().wait_for_everyone()
        self.workspace.remove(self.target)
        return True


def make_all(recipe: Recipe, runs: Iterable[Run]) -> None:
    """Make every unfinished target, one after the other; the base is loaded when it is first needed.

    Raises:
        HubError: modules were made but could not be published; names them and says what to do.
        AdaptersHubError: see `Run.make`.
    """
    base: BaseEncoder | None = None
    unpublished = []
    for run in runs:
        if run.is_finished():
            run.workspace.remove(run.target)  # left behind if a run was killed at its very end
            logger.info("%s is finished: skipped", run.target)
        else:
            if base is None:
                logger.info("loading the base encoder %s", recipe.base)
                with PartialState().main_process_first():
                    base = load_base(
                        recipe.base, revision=recipe.revision, prompt=recipe.prompt, pooling=recipe.pooling
                    )
            if not run.make(base):
                continue
        if run.manifest and recipe.push_to_hub and PartialState().is_main_process and not _publish(recipe, run.target):
            unpublished.append(str(run.target))
    if unpublished:
        raise HubError(f"not published: {', '.join(unpublished)}; run the same command to try again, without training")


def _publish(recipe: Recipe, folder: Path) -> bool:
    """Publish a finished module; a failure is logged and does not stop the run, because other languages follow."""
    try:
        pushed = push(folder, recipe.repo_of(folder.name), hub=recipe.hub, private=recipe.hub_private_repo)
    except AdaptersHubError as error:
        logger.error("%s is finished, but was not published: %s", folder, error)
        return False
    how = "published as" if pushed.changed else "unchanged at"
    logger.info("%s: %s %s@%s", folder, how, pushed.repo, pushed.commit)
    return True
