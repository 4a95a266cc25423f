"""The page: its components, and the handlers that listen to their events."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from demo.input.examples import opening
from demo.limits.uploads import refuse_links
from demo.page.api import Api
from demo.page.handlers import CHOSEN, VIEWS, Answer, Handlers
from demo.page.layout import Layout
from demo.page.visit import Demo

_QUICK: dict[str, Any] = {"show_progress": "hidden", "concurrency_id": None}
"""Options for handlers that do not use the encoder, and so need not wait for it."""


def build_app(demo: Demo) -> gr.Blocks:
    """Build the app, and compute its first view now, so that a page shows it as soon as it opens."""
    refuse_links()
    handlers = Handlers(demo)
    picks = demo.picks(None)
    demo.bench.compose(picks)
    examples, rows = opening(picks.modules)
    columns = demo.first_columns()
    # Computed before any visitor comes, so its time is not shown.
    comparison = dataclasses.replace(demo.compare([row.to_record() for row in rows], columns, None), seconds=None)
    app = gr.Blocks(
        title="Modular Sentence Encoders", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True
    )
    with app:
        page = Layout(demo, handlers.views(comparison, difference=False), rows, columns, examples)
        _listen_to_all(app, page, handlers)
        Api(demo).register()
    # Few requests run at once, because all wait for the one encoder. None bypasses the queue: otherwise many of one
    # address could begin before the work of the first is counted.
    app.queue(max_size=demo.settings.limits.waiting, default_concurrency_limit=4, api_open=False)
    return app


def _listen_to_all(app: gr.Blocks, page: Layout, handlers: Handlers) -> None:
    listen = functools.partial(_listen, page)

    def compare(event: Callable[..., Any]) -> None:
        listen(
            event,
            handlers.compare,
            VIEWS,
            show_progress="minimal",
            show_progress_on=page["summary"],
            trigger_mode="always_last",
        )

    changes = [page["rows"].edit, page["columns"].edit, page["compare"].click, page["difference"].change]
    compare(functools.partial(gr.on, changes))
    listen(app.load, handlers.open, ("used", "rows", "columns", "ticked", *VIEWS), show_progress="hidden")

    compare(listen(page["examples"].input, handlers.take_example, ("rows", "summary"), **_QUICK).then)
    # An edited set of examples is no longer the chosen one, so that it can be chosen again.
    page["rows"].edit(None, None, page["examples"], js="() => null")
    compare(listen(page["take"].click, handlers.paste, ("rows", "taken")).then)
    compare(listen(page["file"].upload, handlers.upload, ("rows", "taken")).then)

    page["source"].change(
        lambda name: [gr.update(visible=name == "upload")] * 2,
        page["source"],
        [page["pairs"], page["skip_pairs"]],
        show_progress="hidden",
        api_visibility="private",
    )
    listen(page["score"].click, handlers.graded, ("graded",))

    listen(page["query"].submit, handlers.search, ("found", "compose", "notice"))
    compare(listen(page["compose"].click, handlers.compose, CHOSEN, show_progress_on=page["notice"]).then)
    compare(listen(page["ticked"].input, handlers.keep, CHOSEN).then)
    listen(page["modules"].select, handlers.show_panel, ("panel",), **_QUICK)
    listen(page["which"].focus, handlers.list_cards, ("which", "card"), **_QUICK)
    listen(page["which"].input, handlers.show_card, ("card",))

    listen(page["make_files"].click, handlers.download, ("files", "files_notice"))


def _listen(
    page: Layout,
    event: Callable[..., Any],
    handler: Callable[..., Answer],
    outputs: Sequence[str],
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Let a handler answer an event. This is the one place where names become components.

    Args:
        page: the components by name.
        event: the event of a component.
        handler: takes the values of the components that its parameters are named after.
        outputs: the names that its answers may hold.
        options: further options of the event.
    """

    @functools.wraps(handler)
    def answer(*values: Any) -> Any:  # noqa: ANN401
        return {page[name]: value for name, value in handler(*values).items()} or gr.skip()

    inputs = [page[name] for name in inspect.signature(handler).parameters if name not in ("request", "progress")]
    options = {"concurrency_id": "compute", "api_visibility": "private"} | options
    return event(answer, inputs, [page[name] for name in outputs], **options)
