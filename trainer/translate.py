"""Translate paraphrases into another language by machine, for `se.data` and `cla.paraphrase` of a recipe.

python trainer/translate.py --model facebook/nllb-200-distilled-600M --input eng.tsv \
    --source eng_Latn --target kaz_Cyrl --output paraphrase/kaz.tsv
"""

from __future__ import annotations

from trainer.runs.console import run_command
from trainer.translation import parse_settings, translate


def main() -> None:
    """Translate a file."""
    translate(parse_settings())


if __name__ == "__main__":
    run_command(main)
