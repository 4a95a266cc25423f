"""Measure speed and memory against peer libraries: `python -m speed [--quick]`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from tqdm.auto import tqdm

from adapters_hub.errors import AdaptersHubError
from adapters_hub.requirements import needed_for

JOBS = ("la", "se", "cla", "encoding", "memory", "scaling", "search")
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
    vectors: Annotated[
        int | None,
        typer.Option(min=1000, help="Vectors for the job search (default: a million, or 100,000 with --quick)."),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the tables, the plots and the JSON.")] = Path(
        "evaluation/speed"
    ),
) -> None:
    """Measure every job and its peer in one run, in turns (A B A B), with medians and the same precision for both.

    The job scaling has no peer: it plots the cost of encoding, training steps and corpora at several sizes. The job
    search compares the table of a search index with NumPy and, if it is installed, faiss, on random vectors.

    python -m speed --quick --data TEXT
    """
    chosen = [job.strip() for job in jobs.split(",") if job.strip()]
    if unknown := [job for job in chosen if job not in JOBS]:
        raise AdaptersHubError(f"there is no job {unknown[0]!r}; there are {', '.join(JOBS)}")
    # These imports take seconds: --help and errors in the options do not wait for them.
    from speed.encoding import Encoding, memory_rows
    from speed.inputs import Text
    from speed.report import Curve, Row, write_scaling_report, write_search_report, write_speed_report
    from speed.scaling import QUICK, Sizes, curves
    from speed.search import search_costs
    from speed.training import Training

    text, repeats = Text(data), 3 if quick else 5
    rows: list[Row] = []
    drawn: list[Curve] = []
    tables: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        training = Training(text, work, 3 if quick else 6, repeats)
        measured: dict[str, Callable[[], list[Row]]] = {
            "la": training.la,
            "se": training.se,
            "cla": training.cla,
            "encoding": lambda: Encoding(text, work, 2000 * repeats, repeats).rows(),
            "memory": lambda: memory_rows(text, work, 1 if quick else 3),
        }
        # A report is written after each job and each curve, so that a stopped run keeps its results.
        for job in tqdm(chosen, unit="job"):
            if job == "scaling":
                for subject in curves(text, work, QUICK if quick else Sizes()):
                    drawn += subject
                    tables["scaling"] = write_scaling_report(drawn, text.name, output)
            elif job == "search":
                with needed_for("measuring search", "search"):
                    import lancedb  # noqa: F401
                count = vectors or (100_000 if quick else 1_000_000)
                tables["search"] = write_search_report(search_costs(count, work), count, output)
            else:
                rows += measured[job]()
                tables["speed"] = write_speed_report(rows, text.name, output)
    sys.stdout.write("\n".join(tables.values()))


def main() -> None:
    """Run the command line; a user's error ends it with one line."""
    try:
        app(prog_name="python -m speed")
    except AdaptersHubError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
