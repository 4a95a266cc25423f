"""Prepare a language's training data from public or local sources, with a recipe that trains on it.

python trainer/prepare.py --language kaz --output data
accelerate launch trainer/stage1.py --recipe data/recipe.yaml
accelerate launch trainer/stage2.py --recipe data/recipe.yaml
"""

from __future__ import annotations

from trainer.preparation.settings import parse_settings
from trainer.preparation.writing import prepare
from trainer.runs.console import run_command


def main() -> None:
    """Prepare the training data of a language."""
    prepare(parse_settings())


if __name__ == "__main__":
    run_command(main)
