"""The page, out of Gradio's components."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.api import Api
from demo.catalog import Catalog
from demo.examples import TITLES, example
from demo.graded import SPLITS, sample_languages
from demo.handlers import Handlers
from demo.settings import Settings
from demo.views import empty_notice, panel_view
from demo.visit import Demo
from demo.web import script, style
from demo.workbench import Workbench

_HEAD = """
<div class="mse-head"><div><h1>Modular Sentence Encoders</h1>
<p>One frozen base, a module for every language, alignment on the side. Alone, each language is sharp; aligned, they
meet; and nothing else moves.</p></div>
<nav aria-label="Page"><span id="mse-told" role="status"></span>
<button type="button" id="mse-link">Copy link to this view</button>
<button type="button" id="mse-theme" aria-pressed="false">Light or dark</button></nav></div>
"""
_FONTS = ("system-ui", "sans-serif")


def build_demo(settings: Settings, bench: Workbench | None = None) -> Demo:
    """Everything that visitors share, with the modules of the first view loaded.

    Args:
        settings: see there.
        bench: instead of a new one.

    Raises:
        AdaptersHubError: the hub, the base or a module is not to be had.
    """
    bench = bench or Workbench(Catalog(settings), settings.kept_languages)
    return Demo(settings, bench)


def build_app(demo: Demo) -> gr.Blocks:
    """The app; its first view is computed now, so that a page that opens has it at once."""
    handlers = Handlers(demo)
    picks = demo.picks(None)
    demo.bench.compose(picks)
    rows = [row.to_record() for row in example(next(iter(TITLES)))]
    columns = [column.to_record() for column in demo.first_columns()]
    first = handlers.views(demo.compare(rows, columns, None), difference=False)
    limits = demo.settings.limits

    def guess(text: str) -> str:  # a plain function: Gradio puts a mark on it
        return demo.guess(text)

    with gr.Blocks(
        title="Modular Sentence Encoders", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True
    ) as app:
        gr.HTML(_HEAD, elem_classes="mse-plain")
        used = gr.State(picks.names)
        link = gr.HTML("", html_template="", js_on_load=script("link"), elem_classes="mse-hidden")
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=330):
                gr.HTML('<h2 class="mse-title">Sentences</h2>', elem_classes="mse-plain")
                table = gr.HTML(
                    rows,
                    html_template='<div class="mse-rows"></div>',
                    js_on_load=script("rows"),
                    server_functions=[guess],
                    languages=demo.languages(picks),
                    most=limits.rows,
                    characters=limits.characters,
                    elem_id="mse-rows",
                    elem_classes="mse-plain",
                )
                examples = gr.Radio(
                    [(title, name) for name, title in TITLES.items()],
                    value=next(iter(TITLES)),
                    label="Examples",
                    elem_id="mse-examples",
                )
                with gr.Accordion("Paste or upload", open=False):
                    pasted = gr.Textbox(
                        label="One sentence a line",
                        info="“deu: Guten Morgen” says the language; without it, it is guessed.",
                        lines=4,
                        max_length=limits.rows * (limits.characters + 16),
                        elem_id="mse-paste",
                    )
                    take = gr.Button("Take these lines", size="sm")
                    file = gr.File(
                        label="CSV or TSV: columns text, language, meaning; or one column a language",
                        file_types=[".csv", ".tsv", ".txt"],
                        type="filepath",
                        height=110,
                        elem_id="mse-file",
                    )
                    taken = gr.HTML("", elem_classes="mse-plain")
                gr.HTML('<h2 class="mse-title">Compositions</h2>', elem_classes="mse-plain")
                choice = gr.HTML(
                    columns,
                    html_template='<div class="mse-columns"></div>',
                    js_on_load=script("columns"),
                    most=limits.columns,
                    elem_id="mse-columns",
                    elem_classes="mse-plain",
                    **handlers.offers(picks),
                )
                button = gr.Button("Compare", variant="primary", elem_id="mse-compare")
            with gr.Column(scale=9, min_width=330):
                summary = gr.HTML(first[0], elem_id="mse-summary", elem_classes="mse-plain")
                with gr.Tabs():
                    with gr.Tab("Similarity"):
                        difference = gr.Checkbox(label="Show the difference to the first composition", value=False)
                        heatmaps = gr.HTML(first[1], elem_id="mse-heatmaps", elem_classes="mse-plain")
                    with gr.Tab("Neighbours"):
                        neighbours = gr.HTML(first[2], elem_id="mse-neighbours", elem_classes="mse-plain")
                    with gr.Tab("Map"):
                        maps = gr.HTML(first[3], elem_id="mse-maps", elem_classes="mse-plain")
                    with gr.Tab("Tokens"):
                        tokens = gr.HTML(first[4], elem_id="mse-tokens", elem_classes="mse-plain")
                    with gr.Tab("Graded pairs"):
                        graded = _graded_tab()
                    with gr.Tab("Modules") as modules_tab:
                        modules = _modules_tab(demo, handlers)
                    with gr.Tab("Take away"):
                        files_button = gr.Button("Make files of this comparison", size="sm")
                        files_notice = gr.HTML(
                            empty_notice("No files yet.", "Press the button for vectors, table, figure and program."),
                            elem_classes="mse-plain",
                        )
                        files = gr.File(label="Files", file_count="multiple", interactive=False, elem_id="mse-files")
                        program = gr.Code(first[5], language="python", label="The Python that gives this view")

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
        examples.input(
            handlers.take_example, examples, table, show_progress="hidden", api_visibility="private"
        ).then(**compare)
        take.click(handlers.paste, [pasted, used], [table, taken], **private).then(**compare)
        file.upload(handlers.upload, [file, used], [table, taken], **private).then(**compare)
        modules["query"].submit(handlers.search, modules["query"], [modules["found"], modules["notice"]], **private)
        modules["search"].click(handlers.search, modules["query"], [modules["found"], modules["notice"]], **private)
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
        modules_tab.select(handlers.panel, used, modules["panel"], show_progress="hidden", api_visibility="private")
        graded["run"].click(
            handlers.graded,
            [graded["source"], graded["first"], graded["second"], graded["file"], choice, used],
            graded["view"],
            **private,
        )
        files_button.click(handlers.download, [table, choice, used], [files, files_notice], **private)
        Api(handlers).register()
    return app


def _graded_tab() -> dict[str, Any]:
    codes = sample_languages()
    sources = [(f"Sample benchmark, {split}", split) for split in SPLITS] if codes else []
    with gr.Row():
        source = gr.Dropdown(
            [*sources, ("An uploaded file", "upload")], value=SPLITS[0] if codes else "upload", label="Pairs"
        )
        first = gr.Dropdown(codes, value="deu" if codes else None, label="First sentences in", allow_custom_value=True)
        second = gr.Dropdown(codes, value="eng" if codes else None, label="Second sentences in", allow_custom_value=True)
    file = gr.File(
        label="CSV or TSV with the columns text_1, text_2 and score",
        file_types=[".csv", ".tsv", ".txt"],
        type="filepath",
        height=110,
        visible=not codes,
        elem_id="mse-pairs",
    )
    source.change(
        lambda name: gr.update(visible=name == "upload"), source, file, show_progress="hidden", api_visibility="private"
    )
    run = gr.Button("Score these pairs", variant="secondary", elem_id="mse-score")
    view = gr.HTML(
        empty_notice("Not scored yet.", "Choose the pairs and press the button: it takes some seconds a composition."),
        elem_id="mse-graded",
        elem_classes="mse-plain",
        min_height=80,
    )
    return {"source": source, "first": first, "second": second, "file": file, "run": run, "view": view}


def _modules_tab(demo: Demo, handlers: Handlers) -> dict[str, Any]:
    picks = demo.picks(None)
    with gr.Row(equal_height=True):
        query = gr.Textbox(
            label="Search modules", placeholder="kazakh, deu, parallel, org/name@revision", scale=5, elem_id="mse-query"
        )
        search = gr.Button("Search", scale=1, min_width=100)
    found = gr.CheckboxGroup([], label="Found: tick what to compose", elem_id="mse-found")
    compose = gr.Button("Compose", variant="secondary", elem_id="mse-compose")
    notice = gr.HTML("", elem_classes="mse-plain", min_height=40, elem_id="mse-notice")
    ticked = gr.CheckboxGroup(
        [(entry.title, entry.address) for entry in picks.entries],
        value=picks.names,
        label="In use: untick what to leave out",
        elem_id="mse-ticked",
    )
    panel = gr.HTML(panel_view(demo.bench, picks), elem_id="mse-panel", elem_classes="mse-plain")
    which = gr.Dropdown([(entry.title, entry.address) for entry in picks.entries], value=None, label="Card of a module")
    card = gr.Markdown("Choose a module to read its card.", sanitize_html=True, elem_id="mse-card")
    del handlers
    return {
        "query": query,
        "search": search,
        "found": found,
        "compose": compose,
        "notice": notice,
        "ticked": ticked,
        "panel": panel,
        "which": which,
        "card": card,
    }


def launch_options(settings: Settings) -> dict[str, Any]:
    """What `Blocks.launch` is given besides host and port."""
    limits = settings.limits
    hue = gr.themes.Color(
        *("#eef6f6", "#d6eae9", "#aed4d2", "#7fbab8", "#4c9a9b", "#2a7c83", "#17606f", "#124d5b", "#0f3f4b", "#0b313b"),
        c950="#07222a",
        name="blue-green",
    )
    theme = gr.themes.Base(
        primary_hue=hue,
        secondary_hue=hue,
        neutral_hue="stone",
        radius_size="md",
        font=list(_FONTS),
        font_mono=["ui-monospace", "monospace"],
    ).set(
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="#ffffff",
        button_primary_background_fill_dark="*primary_300",
        button_primary_background_fill_hover_dark="*primary_200",
        button_primary_text_color_dark="#0d1a1d",
        body_background_fill="#fbfaf7",
        body_background_fill_dark="#12171c",
        block_background_fill="#ffffff",
        block_background_fill_dark="#181e24",
        block_border_color="#e2ded5",
        block_border_color_dark="#2c353c",
        input_background_fill="#ffffff",
        input_background_fill_dark="#181e24",
    )
    return {
        "theme": theme,
        "css": style(),
        "head": f"<script>{script('page')}</script>",
        "max_file_size": limits.file_bytes,
        "allowed_paths": [],
        "show_error": True,
        "footer_links": ["api"],
        "ssr_mode": False,
        "pwa": False,
        "enable_monitoring": False,
        "quiet": True,
        "strict_cors": True,
        "state_session_capacity": 2000,
    }


def queue(app: gr.Blocks, settings: Settings) -> gr.Blocks:
    """The app with a bounded queue; the encoder is one, so more than a few at once would only wait inside."""
    return app.queue(max_size=settings.limits.waiting, default_concurrency_limit=4)
