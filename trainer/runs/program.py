"""What every training program does: skip what is finished, make the rest, and publish it."""

from __future__ import annotations

import abc
import functools
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from accelerate import PartialState

from adapters_hub import BaseEncoder, load_base
from trainer.data.files import as_recorded
from trainer.runs.identity import check_same_settings
from trainer.runs.publishing import publish, refuse_unpublished
from trainer.runs.workspace import Workspace
from trainer.settings import Recipe

logger = logging.getLogger(__name__)


class Run(abc.ABC):
    """Makes one of the modules or encoders that a recipe asks for.

    Args:
        recipe: all settings.
        target: the folder that it is written to.
    """

    is_module: ClassVar[bool] = True
    """Whether it may be published."""

    def __init__(self, recipe: Recipe, target: Path) -> None:
        self.recipe = recipe
        self.target = target
        self.workspace = Workspace(recipe.output_dir, target.name)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """Everything that the weights depend on, as the manifest records it."""
        return self.identify()

    @abc.abstractmethod
    def identify(self) -> dict[str, Any]:
        """Compute `settings`."""

    @abc.abstractmethod
    def recorded(self) -> dict[str, Any] | None:
        """The settings that the target was made with; None if it does not exist, or is to be overwritten.

        Raises:
            SettingsError: the target is damaged.
        """

    @abc.abstractmethod
    def train(self, base: BaseEncoder) -> bool:
        """Train, and write the target; return False if the recipe stops before the target is written."""

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
            return self.train(base)


def make_all(recipe: Recipe, runs: Iterable[Run]) -> None:
    """Make every unfinished target, one after the other; the base is loaded when it is first needed.

    Raises:
        HubError: a module was made but could not be published.
        AdaptersHubError: see `Run.make`.
    """
    base: BaseEncoder | None = None
    failures = []
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
        if run.is_module:
            failures.append(publish(recipe, run.target))
    refuse_unpublished(failures)
