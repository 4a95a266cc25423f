"""The components of the page by name. The component `skip_empty` has the id `mse-skip-empty`, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from adapters_hub.format import OBJECTIVES
from adapters_hub.languages import language_name
from demo.compare.graded import SPLITS, sample_languages
from demo.input.columns import Column
from demo.input.examples import TITLES
from demo.input.sentences import Row
from demo.page.handlers import Answer, choices, offers
from demo.page.visit import Demo
from demo.views.fragments import empty_notice
from demo.views.panel import panel_view
from demo.web import script

_HEAD = """
<div class="mse-head"><div><h1>Modular Sentence Encoders</h1>
<p>One frozen base encoder, a module for every language, alignment adapters on the side. A module makes the vectors of
its language precise; alignment brings languages together, and changes no other language's vectors.</p></div>
<nav aria-label="Page"><span id="mse-told" role="status"></span>
<button type="button" id="mse-link">Copy link to this view</button>
<button type="button" id="mse-theme" aria-pressed="false">Light or dark</button></nav></div>
"""
_FILE: dict[str, Any] = {"file_types": [".csv", ".tsv", ".txt"], "type": "filepath", "height": 110}


class Layout(dict[str, Any]):
    """The components by name, laid out in the app that is being built.

    Args:
        demo: the state that all visitors share.
        first: the views of the first comparison.
        rows: its sentences.
        columns: its compositions.
        examples: the set of examples that the sentences are from.
    """

    def __init__(
        self, demo: Demo, first: Answer, rows: Sequence[Row], columns: Sequence[Column], examples: str
    ) -> None:
        self._demo, self._first, self._picks = demo, first, demo.picks(None)
        gr.HTML(_HEAD, elem_classes="mse-plain", apply_default_css=False)
        self["used"] = gr.State(self._picks.names)
        hidden: dict[str, Any] = {"elem_classes": "mse-hidden", "apply_default_css": False}
        self._add(gr.HTML, "address", "", html_template="", js_on_load=script("link"), **hidden)
        # The summary comes before the inputs: on a phone it would otherwise be three screens down.
        self._view("summary")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=330):
                self._inputs(rows, columns, examples)
            with gr.Column(scale=10, min_width=330), gr.Tabs():
                with gr.Tab("Similarity"):
                    label = "Show the difference from the first composition"
                    self._add(gr.Checkbox, "difference", value=False, label=label, container=False)
                    self._view("heatmaps")
                for title, name in (("Neighbours", "neighbours"), ("Map", "maps"), ("Tokens", "tokens")):
                    with gr.Tab(title):
                        self._view(name)
                with gr.Tab("Graded pairs"):
                    self._graded()
                with gr.Tab("Modules") as self["modules"]:
                    self._modules()
                with gr.Tab("Download"):
                    self._download()

    def _add(self, kind: Any, name: str, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        self[name] = kind(*arguments, elem_id=f"mse-{name.replace('_', '-')}", **options)

    def _html(self, name: str, value: object = "", **options: Any) -> None:  # noqa: ANN401
        """HTML that is styled by this project's style sheet alone."""
        self._add(gr.HTML, name, value, elem_classes="mse-plain", apply_default_css=False, **options)

    def _view(self, name: str) -> None:
        self._html(name, self._first[name])

    def _inputs(self, rows: Sequence[Row], columns: Sequence[Column], examples: str) -> None:
        demo, limits = self._demo, self._demo.settings.limits

        def guess(text: str) -> str:  # a plain function, because Gradio sets an attribute on it
            return demo.guess(text)

        self._html(
            "rows",
            [row.to_record() for row in rows],
            html_template='<h2 class="mse-title">Sentences</h2><div class="mse-rows"></div>',
            js_on_load=script("element", "rows"),
            server_functions=[guess],
            languages=demo.languages(self._picks),
            most=limits.rows,
            characters=limits.characters,
        )
        titles = [(title, name) for name, title in TITLES.items()]
        self._add(gr.Radio, "examples", titles, value=examples, label="Examples")
        with gr.Accordion("Paste or upload", open=False):
            self._add(
                gr.Textbox,
                "pasted",
                label="One sentence per line",
                info="“deu: Guten Morgen” sets the language, which is guessed otherwise. A line from a "
                "spreadsheet may have the cells language, sentence, meaning.",
                lines=4,
                max_length=limits.rows * (limits.characters + 16),
            )
            self._add(gr.Button, "take", "Use these lines", size="sm")
            self._add(gr.Checkbox, "skip_empty", label="Leave out empty cells of files")
            label = "CSV or TSV: columns text, language, meaning; or one column per language"
            self._add(gr.File, "file", label=label, **_FILE)
            self._html("taken")
        self._html(
            "columns",
            [column.to_record() for column in columns],
            html_template='<h2 class="mse-title">Compositions</h2><div class="mse-columns"></div>',
            js_on_load=script("element", "columns"),
            most=limits.columns,
            objectives=list(OBJECTIVES),
            **offers(self._picks),
        )
        self._add(gr.Button, "compare", "Compare", variant="primary")

    def _graded(self) -> None:
        codes = sample_languages()
        # Languages with a module that the sample lacks can be chosen for uploads.
        languages = [(language_name(code), code) for code in dict.fromkeys([*codes, *self._picks.modules])]
        sources = [(f"Sample benchmark, {split}", split) for split in SPLITS] if codes else []
        with gr.Row():
            first = SPLITS[0] if codes else "upload"
            self._add(gr.Dropdown, "source", [*sources, ("An uploaded file", "upload")], value=first, label="Pairs")
            for name, label, code in (("first", "First", "deu"), ("second", "Second", "eng")):
                self._add(
                    gr.Dropdown,
                    name,
                    languages,
                    value=code if codes else None,
                    label=f"{label} sentences in",
                    allow_custom_value=True,
                )
        label = "CSV or TSV with the columns text_1, text_2 and score"
        self._add(gr.File, "pairs", label=label, visible=not codes, **_FILE)
        self._add(gr.Checkbox, "skip_pairs", label="Leave out pairs that lack a sentence", visible=not codes)
        self._add(gr.Button, "score", "Score these pairs", variant="secondary")
        action = "Choose the pairs and press the button: it takes some seconds per composition."
        self._html("graded", empty_notice("Not scored yet.", action), min_height=80)

    def _modules(self) -> None:
        self._add(
            gr.Textbox,
            "query",
            label="Search modules",
            placeholder="kazakh, deu, parallel, org/name@revision",
            submit_btn="Search",
            max_length=200,
        )
        self._add(gr.CheckboxGroup, "found", [], label="Found: tick the modules to compose", visible=False)
        self._add(gr.Button, "compose", "Compose", variant="secondary", visible=False)
        self._html("notice")
        entries = choices(self._picks)
        label = "In use: untick the modules to leave out"
        self._add(gr.CheckboxGroup, "ticked", entries, value=self._picks.names, label=label)
        self._html("panel", panel_view(self._demo.bench, self._picks))
        self._add(gr.Dropdown, "which", entries, value=None, label="Show the card of a module")
        self._add(gr.Markdown, "card", "Choose a module to read its card.", sanitize_html=True)

    def _download(self) -> None:
        self._add(gr.Button, "make_files", "Make files of this comparison", size="sm")
        action = "Press the button to get vectors, table, figure and program."
        self._html("files_notice", empty_notice("No files yet.", action))
        self._add(gr.File, "files", label="Files", file_count="multiple", interactive=False, visible=False)
        self._view("program")
