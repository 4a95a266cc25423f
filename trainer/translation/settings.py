"""Settings of a translation, and the command line that sets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jsonargparse import ArgumentParser

from trainer.data.text_files import file_format
from trainer.runs.parsing import parse_line
from trainer.translation.translator import TranslationError


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
