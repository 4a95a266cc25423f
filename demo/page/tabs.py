"""The tabs with inputs of their own: graded pairs and modules."""

from __future__ import annotations

from typing import Any

import gradio as gr

from adapters_hub.languages import language_name
from demo.compare.graded import SPLITS, sample_languages
from demo.page.visit import Demo
from demo.views import empty_notice, panel_view

PLAIN: dict[str, Any] = {"elem_classes": "mse-plain", "apply_default_css": False}
"""Options of HTML components that the page itself styles."""


def graded_tab(demo: Demo) -> dict[str, Any]:
    """The components of the graded pairs, by name."""
    codes = sample_languages()
    # Languages with a module that the sample lacks can be chosen for uploads.
    languages = [(language_name(code), code) for code in dict.fromkeys([*codes, *demo.picks(None).modules])]
    sources = [(f"Sample benchmark, {split}", split) for split in SPLITS] if codes else []
    with gr.Row():
        source = gr.Dropdown(
            [*sources, ("An uploaded file", "upload")], value=SPLITS[0] if codes else "upload", label="Pairs"
        )
        first = gr.Dropdown(
            languages, value="deu" if codes else None, label="First sentences in", allow_custom_value=True
        )
        second = gr.Dropdown(
            languages, value="eng" if codes else None, label="Second sentences in", allow_custom_value=True
        )
    file = gr.File(
        label="CSV or TSV with the columns text_1, text_2 and score",
        file_types=[".csv", ".tsv", ".txt"],
        type="filepath",
        height=110,
        visible=not codes,
        elem_id="mse-pairs",
    )
    skip = gr.Checkbox(label="Leave out pairs that lack a sentence", visible=not codes, elem_id="mse-skip-pairs")
    source.change(
        lambda name: [gr.update(visible=name == "upload")] * 2,
        source,
        [file, skip],
        show_progress="hidden",
        api_visibility="private",
    )
    run = gr.Button("Score these pairs", variant="secondary", elem_id="mse-score")
    view = gr.HTML(
        empty_notice(
            "Not scored yet.", "Choose the pairs and press the button: it takes some seconds per composition."
        ),
        elem_id="mse-graded",
        **PLAIN,
        min_height=80,
    )
    return {"source": source, "first": first, "second": second, "file": file, "skip": skip, "run": run, "view": view}


def modules_tab(demo: Demo) -> dict[str, Any]:
    """The components of the modules, by name."""
    picks = demo.picks(None)
    query = gr.Textbox(
        label="Search modules",
        placeholder="kazakh, deu, parallel, org/name@revision",
        submit_btn="Search",
        max_length=200,
        elem_id="mse-query",
    )
    found = gr.CheckboxGroup([], label="Found: tick the modules to compose", visible=False, elem_id="mse-found")
    compose = gr.Button("Compose", variant="secondary", visible=False, elem_id="mse-compose")
    notice = gr.HTML("", **PLAIN, elem_id="mse-notice")
    ticked = gr.CheckboxGroup(
        [(entry.title, entry.address) for entry in picks.entries],
        value=picks.names,
        label="In use: untick the modules to leave out",
        elem_id="mse-ticked",
    )
    panel = gr.HTML(panel_view(demo.bench, picks), elem_id="mse-panel", **PLAIN)
    which = gr.Dropdown(
        [(entry.title, entry.address) for entry in picks.entries], value=None, label="Show the card of a module"
    )
    card = gr.Markdown("Choose a module to read its card.", sanitize_html=True, elem_id="mse-card")
    return {
        "query": query,
        "found": found,
        "compose": compose,
        "notice": notice,
        "ticked": ticked,
        "panel": panel,
        "which": which,
        "card": card,
    }
