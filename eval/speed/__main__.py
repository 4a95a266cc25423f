"""Measure speed and memory against peer libraries: `python -m eval.speed [--quick]`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from tqdm.auto import tqdm

from adapters_hub.errors import AdaptersHubError
from eval.errors import EvaluationError

JOBS = ("la", "se", "cla", "encoding", "memory", "scaling")
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def speed(
    quick: Annotated[
        bool, typer.Option("--quick", help="Three repetitions instead of five, with fewer steps.")
    ] = False,
    jobs: Annotated[str, typer.Option(help=f"Jobs to run, separated by commas: {', '.join(JOBS)}.")] = ",".join(JOBS),
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with text in the layout that recipes/paper.yaml reads (default: the sample data)."),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the table, the JSON and the plot.")] = Path(
        "evaluation/speed"
    ),
) -> None:
    """Measure every job and its peer in one run, in turns (A B A B), with medians and the same precision for both.

    The job scaling has no peer: it plots the cost of encoding, training steps and corpora at several sizes.

    python -m eval.speed --quick --data TEXT
    """
    from eval.speed.curves import Curve, curve_table, write_scaling_report
    from eval.speed.encoding import Encoding
    from eval.speed.measure import Row, machine
    from eval.speed.memory import memory_rows
    from eval.speed.report import table, write_speed_report
    from eval.speed.scaling import QUICK, Sizes, curves
    from eval.speed.text import Text
    from eval.speed.training import Plan, Training

    chosen = [job.strip() for job in jobs.split(",") if job.strip()]
    if unknown := [job for job in chosen if job not in JOBS]:
        raise EvaluationError(f"there is no job {unknown[0]!r}; there are {', '.join(JOBS)}")
    text = Text(data)
    repeats = 3 if quick else 5
    shown: dict[str, str] = {}
    rows: list[Row] = []
    drawn: list[Curve] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        plan = Plan(3 if quick else 6, repeats)
        measured: dict[str, Callable[[], list[Row]]] = {
            "la": lambda: Training(text, work, plan).la(),
            "se": lambda: Training(text, work, plan).se(),
            "cla": lambda: Training(text, work, plan).cla(),
            "encoding": lambda: Encoding(text, work, 2000 * repeats, repeats).rows(),
            "memory": lambda: memory_rows(text, work, 1 if quick else 3),
        }
        # The report is written after each job, so that a stopped run keeps its results.
        for job in tqdm(chosen, unit="job"):
            if job == "scaling":
                for subject in curves(text, work, QUICK if quick else Sizes()):
                    drawn += subject
                    sys.stderr.write(f"\n{curve_table(subject)}\n")
                    shown["scaling"] = write_scaling_report(drawn, machine(), text.name, output)
                continue
            found = measured[job]()
            rows += found
            sys.stderr.write(f"\n{table(found)}\n")
            shown["rows"] = write_speed_report(rows, machine(), text.name, output)
    sys.stdout.write("\n".join(shown.values()))


def main() -> None:
    """Run the command line; a user's error ends it with one line."""
    try:
        app(prog_name="python -m eval.speed")
    except AdaptersHubError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
