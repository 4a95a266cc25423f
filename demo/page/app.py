"""The page, built from Gradio's components."""

from __future__ import annotations

import dataclasses
from typing import Any

import gradio as gr

from adapters_hub.format import OBJECTIVES
from demo.compare.catalog import Catalog
from demo.compare.workbench import Workbench
from demo.input.examples import TITLES, opening
from demo.limits.settings import Settings
from demo.limits.uploads import refuse_links
from demo.page.api import Api
from demo.page.handlers import Handlers
from demo.page.tabs import PLAIN, graded_tab, modules_tab
from demo.page.visit import Demo
from demo.views import empty_notice
from demo.web import script

_HEAD = """
<div class="mse-head"><div><h1>Modular Sentence Encoders</h1>
<p>One frozen base encoder, a module for every language, alignment adapters on the side. A module makes the vectors of
its language precise; alignment brings languages together, and changes no other language's vectors.</p></div>
<nav aria-label="Page"><span id="mse-told" role="status"></span>
<button type="button" id="mse-link">Copy link to this view</button>
<button type="button" id="mse-theme" aria-pressed="false">Light or dark</button></nav></div>
"""


def build_demo(settings: Settings, bench: Workbench | None = None) -> Demo:
    """Make the state that all visitors share.

    Args:
        settings: settings of the demo.
        bench: the workbench to use instead of a new one.

    Raises:
        AdaptersHubError: the hub, the base or a module is not available.
    """
    bench = bench or Workbench(Catalog(settings), settings.kept_languages)
    return Demo(settings, bench)


def build_app(demo: Demo) -> gr.Blocks:
    """Build the app, and compute its first view now, so that a page shows it as soon as it opens."""
    refuse_links()
    handlers = Handlers(demo)
    picks = demo.picks(None)
    demo.bench.compose(picks)
    examples_shown, opened = opening(picks.modules)
    rows = [row.to_record() for row in opened]
    columns = [column.to_record() for column in demo.first_columns()]
    # Computed before any visitor comes, so its time is not shown.
    comparison = dataclasses.replace(demo.compare(rows, columns, None), seconds=None)
    first = handlers.views(comparison, difference=False)
    limits = demo.settings.limits

    def guess(text: str) -> str:  # a plain function, because Gradio sets an attribute on it
        return demo.guess(text)

    app = gr.Blocks(
        title="Modular Sentence Encoders", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True
    )
    with app:
        gr.HTML(_HEAD, **PLAIN)
        used = gr.State(picks.names)
        link = gr.HTML(
            "", html_template="", js_on_load=script("link"), elem_classes="mse-hidden", apply_default_css=False
        )
        # The summary comes before the inputs: on a phone it would otherwise be three screens down.
        summary = gr.HTML(first[0], elem_id="mse-summary", **PLAIN)
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=330):
                table = gr.HTML(
                    rows,
                    html_template='<h2 class="mse-title">Sentences</h2><div class="mse-rows"></div>',
                    js_on_load=script("rows"),
                    server_functions=[guess],
                    languages=demo.languages(picks),
                    most=limits.rows,
                    characters=limits.characters,
                    elem_id="mse-rows",
                    **PLAIN,
                )
                examples = gr.Radio(
                    [(title, name) for name, title in TITLES.items()],
                    value=examples_shown,
                    label="Examples",
                    elem_id="mse-examples",
                )
                with gr.Accordion("Paste or upload", open=False):
                    pasted = gr.Textbox(
                        label="One sentence per line",
                        info="“deu: Guten Morgen” sets the language, which is guessed otherwise. A line from a "
                        "spreadsheet may have the cells language, sentence, meaning.",
                        lines=4,
                        max_length=limits.rows * (limits.characters + 16),
                        elem_id="mse-paste",
                    )
                    take = gr.Button("Use these lines", size="sm")
                    skip_empty = gr.Checkbox(label="Leave out empty cells of files", elem_id="mse-skip-empty")
                    file = gr.File(
                        label="CSV or TSV: columns text, language, meaning; or one column per language",
                        file_types=[".csv", ".tsv", ".txt"],
                        type="filepath",
                        height=110,
                        elem_id="mse-file",
                    )
                    taken = gr.HTML("", **PLAIN)
                choice = gr.HTML(
                    columns,
                    html_template='<h2 class="mse-title">Compositions</h2><div class="mse-columns"></div>',
                    js_on_load=script("columns"),
                    most=limits.columns,
                    objectives=list(OBJECTIVES),
                    elem_id="mse-columns",
                    **PLAIN,
                    **handlers.offers(picks),
                )
                button = gr.Button("Compare", variant="primary", elem_id="mse-compare")
            with gr.Column(scale=10, min_width=330), gr.Tabs():
                with gr.Tab("Similarity"):
                    difference = gr.Checkbox(
                        label="Show the difference from the first composition",
                        value=False,
                        container=False,
                        elem_id="mse-difference",
                    )
                    heatmaps = gr.HTML(first[1], elem_id="mse-heatmaps", **PLAIN)
                with gr.Tab("Neighbours"):
                    neighbours = gr.HTML(first[2], elem_id="mse-neighbours", **PLAIN)
                with gr.Tab("Map"):
                    maps = gr.HTML(first[3], elem_id="mse-maps", **PLAIN)
                with gr.Tab("Tokens"):
                    tokens = gr.HTML(first[4], elem_id="mse-tokens", **PLAIN)
                with gr.Tab("Graded pairs"):
                    graded = graded_tab(demo)
                with gr.Tab("Modules") as modules_page:
                    modules = modules_tab(demo)
                with gr.Tab("Download"):
                    files_button = gr.Button("Make files of this comparison", size="sm")
                    files_notice = gr.HTML(
                        empty_notice("No files yet.", "Press the button to get vectors, table, figure and program."),
                        **PLAIN,
                    )
                    files = gr.File(
                        label="Files", file_count="multiple", interactive=False, visible=False, elem_id="mse-files"
                    )
                    program = gr.HTML(first[5], elem_id="mse-program", **PLAIN)

        views = [summary, heatmaps, neighbours, maps, tokens, program, link]
        compare: dict[str, Any] = {
            "fn": handlers.compare,
            "inputs": [table, choice, used, difference],
            "outputs": views,
            "show_progress": "minimal",
            "show_progress_on": summary,
            "concurrency_id": "compute",
            "trigger_mode": "always_last",
            "api_visibility": "private",
        }
        private: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "compute"}
        app.load(
            handlers.open,
            difference,
            [table, choice, used, modules["ticked"], *views],
            show_progress="hidden",
            **private,
        )
        gr.on([table.edit, choice.edit, button.click, difference.change], **compare)
        examples.input(handlers.take_example, examples, table, show_progress="hidden", api_visibility="private").then(
            **compare
        )
        # An edited set of examples is no longer the chosen one, so that it can be chosen again.
        table.edit(None, None, examples, js="() => null")
        take.click(handlers.paste, [pasted, used], [table, taken], **private).then(**compare)
        file.upload(handlers.upload, [file, used, skip_empty], [table, taken], **private).then(**compare)
        modules["query"].submit(
            handlers.search, modules["query"], [modules["found"], modules["compose"], modules["notice"]], **private
        )
        chosen = [used, table, choice, modules["ticked"], modules["panel"], modules["notice"]]
        modules["compose"].click(
            handlers.compose, [modules["found"], used], chosen, show_progress_on=modules["notice"], **private
        ).then(**compare)
        modules["ticked"].input(handlers.keep, modules["ticked"], chosen, **private).then(**compare)
        modules["which"].focus(
            lambda names: gr.update(choices=[(e.title, e.address) for e in demo.picks(names).entries]),
            used,
            modules["which"],
            show_progress="hidden",
            api_visibility="private",
        )
        modules["which"].input(handlers.card, modules["which"], modules["card"], **private)
        modules_page.select(handlers.panel, used, modules["panel"], show_progress="hidden", api_visibility="private")
        graded["run"].click(
            handlers.graded,
            [graded["source"], graded["first"], graded["second"], graded["file"], choice, used, graded["skip"]],
            graded["view"],
            **private,
        )
        files_button.click(handlers.download, [table, choice, used], [files, files_notice], **private)
        Api(demo).register()
    return app


def queue(app: gr.Blocks, settings: Settings) -> gr.Blocks:
    """Give the app a bounded queue; few requests run at once, because all wait for the one encoder.

    No request bypasses the queue: otherwise many of one address could begin before the work of the first is counted.
    """
    app.queue(max_size=settings.limits.waiting, default_concurrency_limit=4, api_open=False)
    return app
