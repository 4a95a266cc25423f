"""Paraphrases in another language by machine translation, for `se.data` and `cla.paraphrase` of a recipe.

python trainer/translate.py --model facebook/nllb-200-distilled-600M --input eng.tsv \
    --source eng_Latn --target kaz_Cyrl --output paraphrase/kaz.tsv
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from accelerate import PartialState
from datasets import Dataset
from jsonargparse import ArgumentParser
from tqdm.auto import tqdm

from adapters_hub.errors import AdaptersHubError
from trainer.data.corpora import load_pairs, load_text
from trainer.data.text_files import file_format, write_lines
from trainer.objectives import ROLES
from trainer.runs.console import run_command
from trainer.runs.parsing import parse_line
from trainer.settings import DataSource
from trainer.translation import Checks, Journal, Translation, TranslationError, Translator, batches_of, script_of

logger = logging.getLogger(__name__)

# What translations depend on.
_DECISIVE = ("model", "revision", "source", "target", "num_beams", "max_length", "dtype")


@dataclass
class TranslationSettings:
    """Settings of a translation.

    Args:
        model: Hub id or folder of a sequence-to-sequence model (NLLB-200, M2M100, mBART-50, Marian), with safetensors.
        input: File of sentences in the source language (.tsv .csv .jsonl .parquet, also as .xz or .gz): anchor,
            positive and optionally a hard negative. A .txt file, or one column, is text: a sentence a line.
        source: Language of the sentences, as the model's tokenizer calls it (NLLB: eng_Latn, M2M100: en,
            mBART: en_XX).
        target: Language to translate to, likewise.
        output: File to write, .tsv, also as .xz or .gz (.txt for text). What is translated is kept in
            OUTPUT.translations.jsonl; the same command goes on from there.
        originals: File to write too, for cla.paraphrase: the sentences before their translations in each row, .tsv,
            also as .xz or .gz.
        columns: Names of the columns to take, in their order, separated by commas; TSV and CSV files then have a header
            line. Without it they have none, and columns of JSON and Parquet are taken by the names anchor, positive
            and negative.
        limit: Use at most that many rows.
        revision: Commit, tag or branch of the model on the Hub.
        batch_size: Most sentences at a time.
        tokens_per_batch: Most tokens at a time, padding counted.
        max_length: Tokens; rows with a longer sentence are left out, longer translations count as cut off.
        num_beams: Beams of the search; 1 is greedy, and faster.
        device: Where to compute; by default a GPU if there is one.
        dtype: Precision to compute in.
        length_factor: Drop rows with a translation that is longer or shorter, in characters, than this many times what
            is usual for the two languages (the median).
        script_share: Drop rows with a translation of which a smaller share of letters is in the target's script. 0
            accepts any script.
    """

    model: str
    input: str
    source: str
    target: str
    output: str
    originals: str | None = None
    columns: list[str] | str | None = None
    limit: int | None = None
    revision: str | None = None
    batch_size: int = 64
    tokens_per_batch: int = 2048
    max_length: int = 256
    num_beams: int = 4
    device: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    length_factor: float = 2.5
    script_share: float = 0.5

    @property
    def column_list(self) -> list[str] | None:
        """The names of the columns."""
        named = self.columns
        return [name.strip() for name in named.split(",")] if isinstance(named, str) else named

    @property
    def is_text(self) -> bool:
        """Whether rows are single sentences, not pairs."""
        return len(self.column_list) == 1 if self.column_list else file_format(self.input) == ".txt"


def main() -> None:
    """Translate a file."""
    translate(parse_settings())


def parse_settings(arguments: Sequence[str] | None = None) -> TranslationSettings:
    """Read the command line.

    Raises:
        SystemExit: for `--help`.
        SettingsError: what cannot be parsed.
        TranslationError: values that cannot be.
    """
    parser = ArgumentParser(
        prog="translate.py",
        exit_on_error=False,
        description="Make paraphrases in another language by machine translation; what looks wrong is dropped.",
    )
    parser.add_class_arguments(TranslationSettings, None)
    settings = TranslationSettings(**vars(parse_line(parser, arguments)))
    for name in ("batch_size", "tokens_per_batch", "max_length", "num_beams"):
        if getattr(settings, name) < 1:
            raise TranslationError(f"--{name} must be at least 1, not {getattr(settings, name)}")
    if settings.length_factor <= 1 or not 0 <= settings.script_share <= 1:
        raise TranslationError("--length_factor must be over 1, and --script_share between 0 and 1")
    form = ".txt" if settings.is_text else ".tsv"
    if file_format(settings.output) != form:
        what = "text" if settings.is_text else "pairs"
        raise TranslationError(
            f"--output for {what} must be a {form} file, also as .xz or .gz, not {settings.output!r}"
        )
    if settings.originals and (settings.is_text or file_format(settings.originals) != ".tsv"):
        found = "those of text" if settings.is_text else repr(settings.originals)
        raise TranslationError(f"--originals must be a .tsv file of pairs, also as .xz or .gz, not {found}")
    return settings


def translate(settings: TranslationSettings) -> None:
    """Translate the rows of a file, check them and write those that pass.

    Raises:
        AdaptersHubError: the data or the model cannot be read, or nothing is left.
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
    logger.info("the translations themselves are kept in %s, for another run with more rows or other limits", kept)


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
        logger.warning("the script of %s is not known: it is not checked", settings.target)
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


if __name__ == "__main__":
    run_command(main)
