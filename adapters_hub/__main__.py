"""The command line: `adapters-hub`, or `python -m adapters_hub`."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from adapters_hub import __version__
from adapters_hub.address import Address
from adapters_hub.cards import render_collection
from adapters_hub.commands import HubOption, encode_command, export_command
from adapters_hub.console import prepare_streams, say, say_table, tell
from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import write_text
from adapters_hub.format import AlignmentManifest, LanguageModuleManifest, score_table, scores_of
from adapters_hub.hub import (
    Listing,
    connect,
    copy_module,
    fetch_checked,
    fetch_manifest,
    find_modules,
    plan_push,
)
from adapters_hub.search_command import search_command

app = typer.Typer(
    help="Encode and search with language modules and alignment adapters; publish, find, fetch, check and export them.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="REPO is org/name[@revision]; the revision is a branch, tag or commit. MODULE is a REPO or a folder. --hub "
    "PATH, or the environment variable MSE_HUB, makes a plain folder act as the hub; without it, the Hugging Face Hub "
    "is used, with the login of `hf auth login` or HF_TOKEN.",
)

app.command("encode")(encode_command)
app.command("search")(search_command)
app.command("export")(export_command)

Module = Annotated[str, typer.Argument(metavar="MODULE", help="A folder, or org/name[@revision].")]


def main() -> None:
    """Run the command line. A user's mistake prints one line and gives exit status 1."""
    prepare_streams()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # the commands report its warnings themselves
    warnings.filterwarnings("ignore", module="huggingface_hub")
    try:
        app(prog_name="adapters-hub")
    except AdaptersHubError as error:
        tell(f"error: {error}")
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None: ...


@app.command("push")
def push_command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of a language module or an alignment adapter.")
    ],
    repo: Annotated[str, typer.Option(help="Repo to publish to, org/name; created if it does not exist.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new repo private.")] = False,
    revision: Annotated[str | None, typer.Option(help="Branch to push to; created if it does not exist.")] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(help="Evaluation report; may be repeated. Default: evaluation/report.json beside FOLDER."),
    ] = None,
    license: Annotated[
        str | None, typer.Option(help="Licence, such as apache-2.0. Default: the one that the module states.")
    ] = None,
    message: Annotated[str | None, typer.Option(help="Commit message.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files and their sizes, and send nothing.")
    ] = False,
    hub: HubOption = None,
) -> None:
    """Publish a module with its card, in one commit.

    It sends the files that the module consists of, and README.md: the folder's own if it has one, else a card made
    from the module's records and the evaluation's report. Files that the repo already holds are not sent again.
    """
    plan = plan_push(folder, repo, hub=hub, reports=report, license=license, revision=revision)
    for warning in plan.warnings:
        tell(f"note: {warning}")
    if dry_run:
        say_table([[name, _bytes(size)] for name, size in plan.sizes.items()])
        where = f"{plan.address} on {plan.hub.name}"
        say(f"{len(plan.files)} files, {_bytes(sum(plan.sizes.values()))}, would go to {where}")
        if plan.left_out:
            say(f"left out: {', '.join(plan.left_out)}")
        return
    pushed = plan.send(private=private, message=message)
    state = "published" if pushed.changed else "nothing new to send"
    say(f"{state}: {pushed.repo}@{pushed.commit}")
    say(pushed.url)


@app.command("list")
def list_command(
    language: Annotated[str | None, typer.Option(help="ISO 639-3 code, such as kaz.")] = None,
    base: Annotated[str | None, typer.Option(help="Hub id or package:… of the base encoder.")] = None,
    author: Annotated[str | None, typer.Option(help="User or organisation.")] = None,
    kind: Annotated[
        Literal["module", "alignment"] | None,
        typer.Option(help="List only language modules, or only alignment adapters."),
    ] = None,
    hub: HubOption = None,
) -> None:
    """List the modules on a hub."""
    found = find_modules(language=language, base=base, author=author, kind=kind, hub=hub)
    if not found:
        say(f"no such module on {connect(hub).name}")
        return
    say_table([["repo", "kind", "language", "base", "pivot", "objective", "modified"], *(_row(item) for item in found)])


@app.command("show")
def show_command(
    module: Module,
    as_json: Annotated[bool, typer.Option("--json", help="Print module.json as it is.")] = False,
    hub: HubOption = None,
) -> None:
    """Show a module's manifest, sizes and scores. It fetches only module.json."""
    manifest, address = fetch_manifest(module, hub)
    if as_json:
        # The same JSON, with escapes for characters that would control the terminal.
        marks = (mark if mark.isprintable() or mark == "\n" else json.dumps(mark)[1:-1] for mark in manifest.to_json())
        typer.echo("".join(marks), nl=False)
        return
    facts = [
        ["module", address or module],
        ["kind", manifest.kind.replace("_", " ")],
        ["language", manifest.language],
        ["base", f"{manifest.base.source}{f'@{manifest.base.revision}' if manifest.base.revision else ''}"],
        ["base fingerprint", manifest.base.fingerprint],
        ["fingerprint", manifest.fingerprint],
        ["licence", manifest.license or "not stated"],
    ]
    if isinstance(manifest, LanguageModuleManifest):
        facts += [
            ["vectors", f"{manifest.dimension} dimensions, {manifest.pooling} pooling, {manifest.max_length} tokens"],
            ["prompt", repr(manifest.prompt)],
            ["vocabulary", ", ".join(_facts(manifest.vocabulary))],
            ["components", ", ".join(manifest.components)],
        ]
    else:
        facts += [
            ["pivot", manifest.pivot],
            ["objective", manifest.objective],
            ["made for module", f"{manifest.target_fingerprint} {manifest.target_module}".strip()],
            ["made for pivot", f"{manifest.pivot_fingerprint} {manifest.pivot_module}".strip()],
        ]
    say_table(facts)
    say("")
    say_table([*([name, _bytes(file.size)] for name, file in manifest.files.items()), ["all", _bytes(manifest.size)]])
    say("")
    _scores(manifest)


@app.command("verify")
def verify_command(
    module: Module,
    hub: HubOption = None,
) -> None:
    """Check every byte of a module, and load it.

    Every file of the module must match the manifest, and no other file in the folder may be code or a pickle.
    """
    from adapters_hub.modules import load_module  # takes seconds to import

    loaded = load_module(module, hub=hub)
    base = loaded.manifest.base
    say(
        f"sound: {loaded.address or loaded.folder}, {loaded.manifest.name}, {len(loaded.manifest.files)} files, "
        f"{_bytes(loaded.manifest.size)}; composes on {base.source} (fingerprint {base.fingerprint[:12]})"
    )


@app.command("fetch")
def fetch_command(
    module: Annotated[str, typer.Argument(metavar="REPO", help="org/name[@revision].")],
    into: Annotated[
        Path | None, typer.Option(help="Folder to copy the module to. Default: leave it in the cache.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it exists.")] = False,
    hub: HubOption = None,
) -> None:
    """Fetch and check a module, and print its folder. Encoders fetch what they need by themselves."""
    fetched = fetch_checked(module, hub, card=into is not None)
    if fetched.address:
        tell(fetched.address)
    folder = copy_module(fetched, into, replace=overwrite) if into else fetched.folder
    typer.echo(folder)  # exactly as it is, for scripts


@app.command("index")
def index_command(
    author: Annotated[str, typer.Argument(metavar="ORG", help="User or organisation.")],
    output: Annotated[Path | None, typer.Option(help="File to write. Default: print the page.")] = None,
    hub: HubOption = None,
) -> None:
    """Write the page of an organisation: one table of its public modules and adapters."""
    found = find_modules(author=author, hub=hub)
    modules = {}
    for item in found:
        if item.private:
            tell(f"note: {item.repo} is left out: it is private")
            continue
        try:
            modules[item.repo] = fetch_manifest(Address(item.repo, item.commit), hub)[0]
        except AdaptersHubError as error:
            tell(f"note: {item.repo} is left out: {error}")
    text = render_collection(author, modules)
    if output is None:
        for line in text.removesuffix("\n").split("\n"):
            say(line)
    else:
        write_text(output, text)
        say(f"{len(modules)} modules and adapters in {output}")


def _row(item: Listing) -> list[str]:
    values: dict[str, str] = {}
    for tag in item.tags:
        key, _, value = tag.partition(":")
        # Keep the longest value: a module for kaz_Cyrl has the tag of kaz too.
        values[key] = max(values.get(key, ""), value, key=len)
    kind = "alignment" if "alignment-adapter" in item.tags else "module"
    known = [values.get(name, "") for name in ("language", "base", "pivot", "objective")]
    return [item.repo, kind, *known, item.modified[:10]]


def _facts(values: Mapping[str, Any]) -> Iterator[str]:
    """Names and values as text."""
    for name, value in values.items():
        shown = f"({', '.join(_facts(value))})" if isinstance(value, Mapping) else str(value)
        yield f"{name.replace('_', ' ')} {shown}"


def _scores(manifest: LanguageModuleManifest | AlignmentManifest) -> None:
    scores = scores_of(manifest)
    if not scores:
        say("no scores")
        return
    columns, rows = score_table(scores)
    texts = ([*key, *(row[name].text if name in row else "" for name in columns)] for key, row in rows.items())
    say_table([["benchmark", "languages", "split", "metric", *columns], *texts])


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count} B"


if __name__ == "__main__":
    main()
