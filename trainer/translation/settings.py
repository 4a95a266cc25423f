"""Settings of a translation, and the command line that sets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jsonargparse import ArgumentParser

from trainer.data.text_files import file_format
from trainer.runs.parsing import parse_line
from trainer.translation.translator import Decoding, TranslationError


@dataclass(kw_only=True)
class TranslationSettings(Decoding):
    """Settings of a translation.

    Args:
        model: Hub id or folder of a sequence-to-sequence model (NLLB-200, M2M100, mBART-50, Marian), with safetensors.
        input: File of rows in the source language (.tsv .csv .jsonl .parquet, also as .xz or .gz): an anchor, a
            positive and optionally a hard negative. A .txt file, or a single column, is text: one sentence per row.
        source: The source language's code in the model's tokenizer (NLLB: eng_Latn, M2M100: en, mBART: en_XX).
        target: The target language's code in the model's tokenizer.
        output: File to write: .tsv (.txt for text), also as .xz or .gz. Finished translations are kept in
            OUTPUT.translations.jsonl, from which the same command resumes.
        originals: Second file to write, for cla.paraphrase: .tsv, also as .xz or .gz, with the original sentences
            followed by their translations in each row.
        columns: Names of the columns to read, in order, separated by commas; TSV and CSV files must then have a header
            line. Without names, TSV and CSV files must have no header line, and the columns of JSON and Parquet are
            anchor, positive and negative.
        limit: Use at most this many rows.
    """

    model: str
    input: str
    source: str
    target: str
    output: str
    originals: str | None = None
    columns: list[str] | str | None = None
    limit: int | None = None

    @property
    def column_list(self) -> list[str] | None:
        """The names of the columns."""
        named = self.columns
        return [name.strip() for name in named.split(",")] if isinstance(named, str) else named

    @property
    def is_text(self) -> bool:
        """Whether rows are single sentences, not pairs."""
        return len(self.column_list) == 1 if self.column_list else file_format(self.input) == ".txt"


def parse_settings(arguments: Sequence[str] | None = None) -> TranslationSettings:
    """Read the command line.

    Raises:
        SystemExit: for `--help`.
        SettingsError: an argument cannot be parsed.
        TranslationError: a value is out of range, or a file name has the wrong ending.
    """
    parser = ArgumentParser(
        prog="translate.py",
        exit_on_error=False,
        description="Make paraphrases in another language by machine translation; faulty translations are dropped.",
    )
    parser.add_class_arguments(TranslationSettings, None)
    settings = TranslationSettings(**vars(parse_line(parser, arguments)))
    settings.check()
    form = ".txt" if settings.is_text else ".tsv"
    if file_format(settings.output) != form:
        what = "text" if settings.is_text else "pairs"
        raise TranslationError(
            f"--output for {what} must be a {form} file, also as .xz or .gz, not {settings.output!r}"
        )
    if settings.originals and (settings.is_text or file_format(settings.originals) != ".tsv"):
        found = "for a file of single sentences" if settings.is_text else repr(settings.originals)
        raise TranslationError(f"--originals must be a .tsv file of pairs, also as .xz or .gz, not {found}")
    return settings
