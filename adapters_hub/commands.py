"""Commands that compute vectors: `adapters-hub encode` and `adapters-hub export`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from adapters_hub.console import say
from adapters_hub.errors import AdaptersHubError
from adapters_hub.requirements import needed_for

HubOption = Annotated[
    Path | None,
    typer.Option("--hub", envvar="MSE_HUB", help="Folder that acts as the hub; it holds modules as org/name."),
]


def encode_command(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help="Parquet files, or folders of them.")],
    module: Annotated[
        list[str], typer.Option(help="Language module or alignment adapter, or a folder of them; may be repeated.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to write Parquet files with the column `vector` to.")],
    text: Annotated[str, typer.Option(help="Column with the sentences.")] = "text",
    language: Annotated[
        str | None, typer.Option(help="Language of all rows, such as kaz; auto: detected for each row.")
    ] = None,
    language_column: Annotated[str | None, typer.Option(help="Column with the language of each row.")] = None,
    auto_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Confidence below which a detected language is uncertain.")
    ] = 0.5,
    auto_below: Annotated[
        Literal["base", "error"],
        typer.Option(help="What to do about rows in an uncertain language. base: the untouched base. error: stop."),
    ] = "base",
    align: Annotated[bool, typer.Option("--align", help="Switch alignment adapters on.")] = False,
    prompt_name: Annotated[
        Literal["sentence", "query", "document"],
        typer.Option(
            "--as",
            help="What the texts are, which decides the prompt before them. document: texts that queries are to find "
            "(see adapters-hub search); "
            "query: search queries; sentence: anything else.",
        ),
    ] = "sentence",
    keep: Annotated[
        str | None,
        typer.Option(
            help="Columns to copy, separated by commas (default: all but the vectors of an earlier run and, unless "
            "--as document, the text)."
        ),
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(help="Precision to compute in. auto: bfloat16 where the hardware has it, else float32."),
    ] = "auto",
    half: Annotated[bool, typer.Option("--half", help="Write vectors in float16 instead of float32.")] = False,
    empty: Annotated[
        Literal["error", "missing"],
        typer.Option(help="What to do about rows without text. error: stop and name them. missing: no vector (null)."),
    ] = "error",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of sentences per pass (default: by length).")
    ] = None,
    rows_per_shard: Annotated[int, typer.Option(min=1, help="Rows that are encoded and written at a time.")] = 16_384,
    max_loaded_modules: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of language modules in memory.")
    ] = None,
    hub: HubOption = None,
) -> None:
    """Encode a corpus of any size, in one language or several.

    A run that was stopped continues with the shards that are not written yet. `accelerate launch
    --multi_gpu|--cpu --num_processes N -m adapters_hub encode …` divides the shards among processes, GPUs or
    machines; the vectors are the same as with one process.

    For example: adapters-hub encode news.parquet --module out/kaz --module out/kaz-eng-both --language kaz --align
    --output vectors
    """
    with needed_for("encode", "corpus"):
        import pyarrow  # noqa: F401

        from adapters_hub.corpus import Corpus, encode_corpus
    from adapters_hub import AutoLanguage, ModularEncoder

    process, processes, device = _place()
    corpus = Corpus.open(inputs, text, language, language_column, keep.split(",") if keep is not None else None)
    encoder = ModularEncoder(
        modules=[path for given in module for path in modules_in(given)],
        hub=hub,
        device=device,
        dtype=precision,
        max_loaded_modules=max_loaded_modules,
        auto=AutoLanguage(auto_threshold, auto_below),
    )
    done = encode_corpus(
        encoder,
        corpus,
        output,
        align=align,
        prompt_name=None if prompt_name == "sentence" else prompt_name,
        batch_size=batch_size,
        rows_per_shard=rows_per_shard,
        half=half,
        empty=empty,
        process=process,
        processes=processes,
    )
    share = f"process {process} of {processes}: " if processes > 1 else ""
    say(f"{share}{done} shards encoded; vectors in {output}")


def _place() -> tuple[int, int, str | None]:
    """The number of this process, the number of processes, and this process's device."""
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "ACCELERATE_USE_CPU"} & os.environ.keys():
        return 0, 1, None  # not launched
    with needed_for("encode on several processes", "corpus"):
        import torch
        from accelerate import PartialState
        from accelerate.utils import parse_flag_from_env

        from adapters_hub.processes import start_missing_processes, use_all_cores
    start_missing_processes()
    use_all_cores()
    state = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available())
    return state.process_index, state.num_processes, str(state.device)


def modules_in(given: str) -> list[str]:
    """The module itself, or those in a folder of modules."""
    folder = Path(given)
    if not folder.is_dir() or (folder / "module.json").is_file():
        return [given]
    found = [str(path.parent) for path in sorted(folder.glob("*/module.json")) if not path.parent.name.startswith(".")]
    if not found:
        raise AdaptersHubError(f"{folder} holds no modules: expected module.json, or folders with it")
    return found


def export_command(
    modules: Annotated[list[str], typer.Argument(metavar="MODULE", help="Folders, or org/name[@revision].")],
    to: Annotated[Path, typer.Option(help="Folder to write.")],
    format: Annotated[
        Literal["sentence-transformers", "composed", "onnx"],
        typer.Option(
            help="sentence-transformers: one language, LoRAs merged, loads without this library. composed: all the "
            "languages in one SentenceTransformer; needs this library and trust_remote_code=True. onnx: one language "
            "as an ONNX graph."
        ),
    ] = "sentence-transformers",
    language: Annotated[
        str | None, typer.Option(help="Language to export; with --format composed, the default language.")
    ] = None,
    align: Annotated[
        bool, typer.Option("--align", help="Switch alignment on; not possible with --format sentence-transformers.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it exists.")] = False,
    hub: HubOption = None,
) -> None:
    """Export modules for other libraries. The export of one language is compared with the encoder before it is written.

    For example: adapters-hub export out/deu out/deu-eng-both --format onnx --align --to deu-onnx
    """
    from adapters_hub import ModularEncoder, bridges  # takes seconds to import

    encoder = ModularEncoder(modules=modules, hub=hub, device="cpu")
    if format == "composed":
        folder = bridges.export_composed(encoder, None, to, default_language=language, align=align, replace=overwrite)
    else:
        if language is None and len(encoder.languages) > 1:
            raise AdaptersHubError(f"expected --language, one of {', '.join(encoder.languages)}, or --format composed")
        export = bridges.export_onnx if format == "onnx" else bridges.export_merged
        folder = export(encoder, language or encoder.languages[0], to, align=align, replace=overwrite)
    typer.echo(folder)
