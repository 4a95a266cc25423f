"""Translate the rows of a file, check them, and write those that pass."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from accelerate import PartialState
from tqdm.auto import tqdm

from trainer.data.corpora import load_pairs, load_text
from trainer.data.text_files import write_lines
from trainer.objectives import ROLES
from trainer.settings import DataSource
from trainer.translation.checks import Checks, script_of
from trainer.translation.journal import Journal, Translation
from trainer.translation.settings import TranslationSettings
from trainer.translation.translator import Decoding, TranslationError, Translator, batches_of

logger = logging.getLogger(__name__)

# The settings that translations depend on, beside the model and the languages.
_DECISIVE = ("revision", "num_beams", "max_length", "dtype")


def translate(settings: TranslationSettings) -> None:
    """Translate the rows of a file, check them and write those that pass.

    Raises:
        AdaptersHubError: the data or the model cannot be read, or no row passes the checks.
    """
    if PartialState().num_processes > 1:
        raise TranslationError("translation runs in one process: use python trainer/translate.py")
    output = Path(settings.output)
    journal = output.with_name(f"{output.name}.translations.jsonl")
    for path, option in ((output, "output"), (Path(settings.originals or ""), "originals")):
        if path.is_file() and not journal.is_file():
            raise TranslationError(f"{path} exists already: delete it, or choose another --{option}")
    rows = _rows(settings)
    passed = translated(rows, settings.model, settings.source, settings.target, settings, journal)
    if not any(made[-1] for _, made in passed):
        passed = [(row[:-1], made[:-1]) for row, made in passed]  # no hard negatives
    if settings.originals:
        write_lines(Path(settings.originals), ("\t".join([*row, *made]) for row, made in passed))
    write_lines(output, ("\t".join(made) for _, made in passed))
    logger.info("%d rows written to %s", len(passed), output)
    logger.info(
        "all translations are kept in %s: another run, with more rows or other limits, uses them again", journal
    )


def _rows(settings: TranslationSettings) -> list[tuple[str, ...]]:
    """Rows of sentences, stripped; the last of three may be empty."""
    source = DataSource(path=settings.input, columns=settings.column_list, limit=settings.limit)
    if settings.is_text:
        data = load_text(source, settings.source, settings.source)
    else:
        data = load_pairs(source, settings.source, settings.source, ROLES)
    texts = [data[name] for name in data.column_names]
    return [tuple(" ".join((text or "").split()) for text in row) for row in zip(*texts, strict=True)]


def translated(
    rows: Sequence[tuple[str, ...]], model: str, source: str, target: str, decoding: Decoding, journal: Path
) -> list[tuple[tuple[str, ...], list[str]]]:
    """Translate rows of sentences, of which the last may be empty, from one code of the model's tokenizer to another.

    The journal is a file that keeps finished translations.

    Returns:
        The rows that pass the checks, each with its translations.

    Raises:
        AdaptersHubError: the journal or the model cannot be read, or no row passes the checks.
    """
    names = {"model": model, "source": source, "target": target}
    kept = Journal(journal, names | {name: getattr(decoding, name) for name in _DECISIVE})
    sentences = list(dict.fromkeys(sentence for row in rows for sentence in row if sentence))
    if missing := [sentence for sentence in sentences if sentence not in kept.translations]:
        _translate_missing(Translator(model, source, target, decoding), missing, kept)
    script = script_of(target) if decoding.script_share else None
    if decoding.script_share and not script:
        logger.warning("the script of %s is unknown: translations are not checked for it", target)
    found = kept.translations
    pairs = ((sentence, found[sentence]) for sentence in sentences)
    checks = Checks(pairs, script, decoding.length_factor, decoding.script_share)
    faults: Counter[str] = Counter()
    passed = []
    for row in rows:
        translations = [found[sentence] if sentence else Translation("") for sentence in row]
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
    return passed


def _translate_missing(translator: Translator, sentences: list[str], journal: Journal) -> None:
    lengths, decoding = translator.lengths(sentences), translator.decoding
    too_long = [place for place, length in enumerate(lengths) if length > decoding.max_length]
    if too_long:
        journal.add([sentences[place] for place in too_long], [Translation("", skipped=True)] * len(too_long))
    fitting = [place for place, length in enumerate(lengths) if length <= decoding.max_length]
    groups = batches_of([lengths[place] for place in fitting], decoding.tokens_per_batch, decoding.batch_size)
    with tqdm(total=len(fitting), desc="translating", unit=" sentences") as bar:
        for group in groups:
            batch = [sentences[fitting[place]] for place in group]
            journal.add(batch, translator.translate(batch))
            bar.update(len(batch))
