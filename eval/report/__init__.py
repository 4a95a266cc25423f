"""Reports: the paper's table, plots, and records for the cards of modules."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters_hub.folders import write_text
from eval.errors import EvaluationError
from eval.report.records import scores
from eval.report.table import Table, csv_text, latex_text, long_csv_text, markdown_text, text_table
from eval.results import Result

__all__ = ["Table", "scores", "text_table", "write_report"]


def write_report(
    results: Sequence[Result],
    output: Path,
    against: str | None = None,
    split: str | None = None,
    left_out: Mapping[str, str] | None = None,
) -> str:
    """Write `report.json`, `table.md`, `table.csv`, `table.tex`, `figures.csv` and `plots/` into a folder.

    Args:
        results: the results to report.
        output: the folder; existing files in it are replaced.
        against: name of the encoder that the others are compared with; None: the first base encoder.
        split: use only results of this split; None: all, which must be of one split.
        left_out: benchmarks that could not be scored, with the reason.

    Returns:
        The table as plain text, and the list of files.

    Raises:
        EvaluationError: the results are of both splits, no encoder is called `against`, two encoders have the same
            name, or encoders were scored on different data.
    """
    from eval.report.plots import draw_plots

    results = _of_one_split(results, split)
    table = Table.of(results, against)
    # A result that is in two folders counts once.
    results = list({(result.encoder, result.benchmark): result for result in results}.values())
    write_text(output / "table.md", markdown_text(table, left_out or {}))
    write_text(output / "table.csv", csv_text(table))
    write_text(output / "table.tex", latex_text(table))
    write_text(output / "figures.csv", long_csv_text(results))
    records = [score.to_record() for score in scores(results)]
    data = {result.benchmark: {"from": result.origin, "read": result.identity.get("data", {})} for result in results}
    report = {"scores": records, "data": data, "left_out": dict(left_out or {})}
    write_text(output / "report.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    plots = draw_plots(results, output / "plots")
    shown = ", ".join(path.stem for path in plots) or "none"
    return (
        f"{text_table(results, against)}\n\n"
        f"{_data(table, left_out or {})}\n\n"
        f"In {output}: table.md, table.csv, table.tex; figures.csv, every figure; report.json, for model cards;\n"
        f"plots/ (PNG and SVG): {shown}\n"
    )


def _data(table: Table, left_out: Mapping[str, str]) -> str:
    """Where the data came from, and which benchmarks were left out."""
    origins = "; ".join(f"{benchmark} from {place}" for benchmark, place in table.origins.items())
    lines = [f"{table.split} split: {origins}"]
    if left_out:
        lines.append(f"Left out: {', '.join(left_out)}; table.md says why")
    return "\n".join(textwrap.fill(line, 120, subsequent_indent="  ") for line in lines)


def _of_one_split(results: Sequence[Result], split: str | None) -> list[Result]:
    chosen = [result for result in results if split in (None, result.split)]
    splits = sorted({result.split for result in chosen})
    if len(splits) > 1:
        raise EvaluationError(f"there are results of {' and '.join(splits)}: choose one with --split")
    if not chosen:
        raise EvaluationError(f"there are no results of the {split} split: run python -m eval run --split {split}")
    return chosen
