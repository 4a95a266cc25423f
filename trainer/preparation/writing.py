"""Write the training data of a language, and a recipe to train on it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import datasets
from accelerate import PartialState

from adapters_hub.folders import write_text
from adapters_hub.reading import read_text
from trainer.data.errors import DataError, LanguageMissing
from trainer.preparation.assembling import Assembled, Contribution, assemble
from trainer.preparation.building import Builder
from trainer.preparation.catalog import record
from trainer.preparation.exclusion import Excluded
from trainer.preparation.recipe import Situation, text_of
from trainer.preparation.settings import PreparationSettings
from trainer.preparation.sources import PUBLIC, Kind, Source
from trainer.preparation.translating import translated_part
from trainer.runs.parsing import parse_recipe
from trainer.settings import SettingsError
from trainer.settings.sources import as_list

logger = logging.getLogger(__name__)

RECIPE = "recipe.yaml"
_FOLDERS: dict[Kind, str] = {"text": "mono", "parallel": "parallel", "paraphrase": "paraphrase"}


def prepare(settings: PreparationSettings) -> Path:
    """Write the training data of a language and its recipe.

    Returns:
        The path of the recipe.

    Raises:
        AdaptersHubError: a source cannot be read, or no source has the language.
    """
    if PartialState().num_processes > 1:
        raise SettingsError("data is prepared in one process: use python trainer/prepare.py")
    datasets.disable_progress_bars()  # this program has its own
    sources = settings.chosen()
    output, pivot, language = Path(settings.output), settings.pivot, settings.language
    _check_related(settings)
    builder = Builder(output, pivot, Excluded([Path(name) for name in as_list(settings.exclude)]), settings.limit)
    wanted: list[tuple[Kind, str]] = [("text", language), ("parallel", language), ("paraphrase", language)]
    if language == pivot:
        wanted.remove(("parallel", language))
    else:
        wanted.append(("paraphrase", pivot))
    given = {(kind, code): _contributions(builder, sources, kind, code) for kind, code in wanted}
    made = _translations(builder, settings, given.get(("paraphrase", pivot), [])) if language != pivot else []
    given["paraphrase", language] += [Contribution(one.source, one.part, one.license, (3, 6)) for one in made]
    if not any(given[kind, code] for kind, code in wanted if code == language):
        raise DataError(
            f"none of the {len(sources)} sources has anything in {language}: name files of your own in --sources FILE "
            f"(an example: {PUBLIC})"
        )
    files = [
        assemble(output, _FOLDERS[kind], f"{pivot}-{code}" if kind == "parallel" else code, parts)
        for (kind, code), parts in given.items()
        if parts
    ]
    if made:
        files.append(assemble(output, "cross-paraphrase", f"{pivot}-{language}", made))
    record(output, files, builder.excluded.digests)
    return _write_recipe(settings, files)


def _check_related(settings: PreparationSettings) -> None:
    translations = Path(settings.output) / "parallel" / f"{settings.pivot}-{settings.related}.tsv.xz"
    if settings.related and not translations.is_file():
        raise SettingsError(
            f"--related {settings.related}: {translations} does not exist: first prepare that language (--language "
            f"{settings.related}) and train it"
        )


def _contributions(builder: Builder, sources: Sequence[Source], kind: Kind, language: str) -> list[Contribution]:
    found = []
    for source in sources:
        if source.kind != kind:
            continue
        try:
            found.append(Contribution(source, builder.part(source, language)))
        except LanguageMissing as missing:
            logger.info("%s of %s: skipped %s: %s", kind, language, source.name, missing)
        except DataError as error:
            raise DataError(f"{error} (or leave it out: --skip {source.name})") from error
    return found


def _translations(
    builder: Builder, settings: PreparationSettings, originals: Sequence[Contribution]
) -> list[Contribution]:
    chosen = [one for one in originals if one.source.translate]
    if not settings.translate:
        if chosen:
            names = ", ".join(one.source.name for one in chosen)
            logger.info("%s could be translated to %s: --translate MODEL", names, settings.language)
        return []
    if not chosen:
        raise DataError(f"--translate: no source of paraphrases of {settings.pivot} says 'translate: true'")
    options = settings.translation
    return [
        Contribution(
            one.source,
            translated_part(options, settings.translate, one.part, settings.language, builder),
            options.license,
        )
        for one in chosen
    ]


def _write_recipe(settings: PreparationSettings, files: Sequence[Assembled]) -> Path:
    output = Path(settings.output)
    situation = Situation(settings, {file.path.relative_to(output).as_posix(): file for file in files})
    path, text = output / RECIPE, text_of(situation)
    if _is_changed(path):
        logger.warning("%s was changed by hand: left as it is; delete it to have it written again", path)
        return path
    write_text(path, _sealed(text))
    parse_recipe("prepare.py", "", ["--recipe", str(path)])  # checks that the recipe is valid
    stages = ("1", "2") if settings.language != settings.pivot and "\ncla:" in text else ("1",)
    for stage in stages:
        logger.info("next: accelerate launch trainer/stage%s.py --recipe %s", stage, path)
    if stages == ("1",) and settings.language != settings.pivot:
        logger.warning(
            "there are no translations and no translated paraphrases: stage 2 cannot align %s", settings.language
        )
    return path


def _sealed(text: str) -> str:
    """Append a line with the hash of the text, which shows whether the text was changed later."""
    return f"{text}# {hashlib.sha256(text.encode()).hexdigest()}\n"


def _is_changed(path: Path) -> bool:
    """Whether a recipe was changed since `prepare` wrote it, or was not written by it at all."""
    if not path.is_file():
        return False
    text = read_text(path)
    return _sealed(text.rpartition("# ")[0]) != text
