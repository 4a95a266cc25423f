"""Run the demo: `python -m demo --hub … --port …`."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("MSE_HUB_PATIENCE", "10")  # seconds that a visitor waits for a busy hub

from adapters_hub.errors import AdaptersHubError

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@cli.command(help=__doc__)
def serve(
    hub: Annotated[
        Path | None,
        typer.Option(envvar="MSE_HUB", help="Folder that acts as the hub. Default: the Hugging Face Hub."),
    ] = None,
    publish: Annotated[Path | None, typer.Option(help="Folder of trained modules to publish into --hub first.")] = None,
    module: Annotated[
        list[str] | None,
        typer.Option(
            help="Modules that visitors may use: org/name[@revision], or a pattern such as 'org/*'. May be repeated. "
            "Default: everything in a --hub folder."
        ),
    ] = None,
    open_hub: Annotated[bool, typer.Option("--open-hub", help="Let visitors use any module of the hub.")] = False,
    base: Annotated[str | None, typer.Option(help="Base encoder. Default: that of the first module.")] = None,
    host: Annotated[str, typer.Option(help="Address to serve on; 0.0.0.0 serves other machines too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to serve on; 0 takes any free port.")] = 7860,
    kept_languages: Annotated[int, typer.Option(help="Maximum number of language modules in memory.")] = 24,
    rows: Annotated[int, typer.Option(help="Maximum number of sentences that are compared at once.")] = 64,
    characters: Annotated[int, typer.Option(help="Maximum number of characters of a sentence.")] = 500,
    requests: Annotated[int, typer.Option(help="Maximum number of requests per minute and address.")] = 240,
) -> None:
    """Load the modules, then serve until interrupted."""
    from demo.compare.catalog import Catalog
    from demo.limits.settings import Limits, Settings
    from demo.publishing import publish_folder

    start = time.perf_counter()
    if publish is not None:
        if hub is None:
            raise AdaptersHubError("--publish needs a folder that acts as the hub: name one with --hub")
        for line in publish_folder(publish, hub):
            _say(line)
    settings = Settings(
        hub=str(hub) if hub else None,
        modules=tuple(module or ()),
        open_hub=open_hub,
        base=base,
        kept_languages=kept_languages,
        limits=Limits(rows=rows, characters=characters, requests=requests, burst=max(60, requests // 4)),
    )
    catalog = Catalog(settings)
    _say("loading the base and the modules")
    # These imports take seconds: errors in the options are reported before.
    from demo.compare.workbench import Workbench
    from demo.page.app import build_app
    from demo.page.look import launch_options
    from demo.page.visit import Demo

    demo = Demo(settings, Workbench(catalog, kept_languages))
    app = build_app(demo)
    _, url, _ = app.launch(server_name=host, server_port=port or None, prevent_thread_lock=True, **launch_options(demo))
    _say(f"ready after {time.perf_counter() - start:.0f} s: {url}")
    app.block_thread()


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; report the owner's mistakes as one line, with exit status 1."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    try:
        cli(arguments, prog_name="python -m demo")
    except (AdaptersHubError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
