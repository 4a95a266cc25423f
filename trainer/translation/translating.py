"""Translate the rows of a file, check them, and write those that pass."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from accelerate import PartialState
from datasets import Dataset
from tqdm.auto import tqdm

from adapters_hub.errors import AdaptersHubError
from trainer.data.corpora import load_pairs, load_text
from trainer.data.text_files import write_lines
from trainer.objectives import ROLES
from trainer.settings import DataSource
from trainer.translation.checks import Checks, script_of
from trainer.translation.journal import Journal, Translation
from trainer.translation.settings import TranslationSettings
from trainer.translation.translator import TranslationError, Translator, batches_of

logger = logging.getLogger(__name__)

# The settings that translations depend on.
_DECISIVE = ("model", "revision", "source", "target", "num_beams", "max_length", "dtype")


def translate(settings: TranslationSettings) -> None:
    """Translate the rows of a file, check them and write those that pass.

    Raises:
        AdaptersHubError: the data or the model cannot be read, or no row passes the checks.
    """
    if PartialState().num_processes > 1:
        raise TranslationError("translation runs in one process: use python trainer/translate.py")
    output = Path(settings.output)
    kept = output.with_name(f"{output.name}.translations.jsonl")
    journal = Journal(kept, {name: getattr(settings, name) for name in _DECISIVE})
    for path, option in ((output, "output"), (Path(settings.originals or ""), "originals")):
        if path.is_file() and not journal.translations:
            raise TranslationError(f"{path} exists already: delete it, or choose another --{option}")
    rows = _rows(settings)
    sentences = list(dict.fromkeys(sentence for row in rows for sentence in row if sentence))
    missing = [sentence for sentence in sentences if sentence not in journal.translations]
    if missing:
        device = settings.device or ("cuda" if torch.cuda.is_available() else "cpu")
        translator = Translator(
            settings.model,
            settings.source,
            settings.target,
            revision=settings.revision,
            device=device,
            dtype=getattr(torch, settings.dtype),
            num_beams=settings.num_beams,
            max_length=settings.max_length,
        )
        _translate_missing(translator, missing, journal, settings)
    _write_checked(rows, sentences, journal, settings)
    logger.info("all translations are kept in %s: another run, with more rows or other limits, uses them again", kept)


def _rows(settings: TranslationSettings) -> list[tuple[str, ...]]:
    """Rows of sentences, stripped; the last of three may be empty."""
    source = DataSource(path=settings.input, columns=settings.column_list, limit=settings.limit)
    data: Dataset
    if settings.is_text:
        data = load_text(source, settings.source, settings.source)
    else:
        data = load_pairs(source, settings.source, settings.source, ROLES)
    texts = [data[name] for name in data.column_names]
    return [tuple(" ".join((text or "").split()) for text in row) for row in zip(*texts, strict=True)]


def _translate_missing(
    translator: Translator, sentences: list[str], journal: Journal, settings: TranslationSettings
) -> None:
    lengths = translator.lengths(sentences)
    too_long = [place for place, length in enumerate(lengths) if length > settings.max_length]
    if too_long:
        journal.add([sentences[place] for place in too_long], [Translation("", skipped=True)] * len(too_long))
    fitting = [place for place, length in enumerate(lengths) if length <= settings.max_length]
    groups = batches_of([lengths[place] for place in fitting], settings.tokens_per_batch, settings.batch_size)
    with tqdm(total=len(fitting), desc="translating", unit=" sentences") as bar:
        for group in groups:
            batch = [sentences[fitting[place]] for place in group]
            journal.add(batch, translator.translate(batch))
            bar.update(len(batch))


def _write_checked(
    rows: list[tuple[str, ...]], sentences: list[str], journal: Journal, settings: TranslationSettings
) -> None:
    script = script_of(settings.target) if settings.script_share else None
    if settings.script_share and not script:
        logger.warning("the script of %s is unknown: translations are not checked for it", settings.target)
    found = journal.translations
    checks = Checks(
        ((sentence, found[sentence]) for sentence in sentences), script, settings.length_factor, settings.script_share
    )
    nothing = Translation("")
    faults: Counter[str] = Counter()
    passed: list[tuple[Sequence[str], Sequence[str]]] = []
    for row in rows:
        translations = [found[sentence] if sentence else nothing for sentence in row]
        if fault := checks.fault_of_row(row, translations):
            faults[fault] += 1
        else:
            passed.append((row, [translation.text for translation in translations]))
    dropped = ", ".join(f"{count} {fault}" for fault, count in faults.most_common()) or "none"
    logger.info("%d distinct sentences of %d rows; dropped: %s", len(sentences), len(rows), dropped)
    if not passed:
        raise TranslationError(
            f"no row is left of {len(rows)} (dropped: {dropped}): check --source and --target, "
            "or the limits --max_length, --length_factor and --script_share"
        )
    if not any(made[-1] for _, made in passed):
        passed = [(row[:-1], made[:-1]) for row, made in passed]  # no hard negatives
    if settings.originals:
        _write(Path(settings.originals), ([*row, *made] for row, made in passed))
    _write(Path(settings.output), (made for _, made in passed))
    logger.info("%d rows written to %s", len(passed), settings.output)


def _write(path: Path, rows: Iterable[Sequence[str]]) -> None:
    try:
        write_lines(path, ("\t".join(row) for row in rows))
    except AdaptersHubError as error:
        raise TranslationError(f"{error}; translations are kept") from error
