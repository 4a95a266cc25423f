"""Answer the actions of visitors. Stateless: everything that an answer depends on comes with the request.

Inputs and outputs are named after the page's components: a handler's parameters are its inputs, apart from the request
and the progress, and an answer holds new values by the names of components; all others stay as they are.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import gradio as gr
from gradio.utils import get_upload_folder

from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import inner_path
from adapters_hub.format import CARD
from adapters_hub.hub import fetch_module
from adapters_hub.texts import Empty
from demo.compare.comparison import Comparison
from demo.compare.entries import Picks
from demo.compare.graded import grade, read_pairs, sample_pairs
from demo.compare.snippet import folder_name, snippet
from demo.input.columns import parse_columns
from demo.input.examples import example
from demo.input.sentences import Row, read_file, read_lines
from demo.input.state import unpack
from demo.limits.errors import DemoError, for_visitors
from demo.page.export import export
from demo.page.visit import Demo
from demo.views.fragments import empty_notice, error_notice, note, program_view
from demo.views.graded import graded_view
from demo.views.heatmaps import heatmaps_view
from demo.views.map import map_view
from demo.views.neighbours import neighbours_view
from demo.views.panel import panel_view
from demo.views.summary import summary_view
from demo.views.tokens import tokens_view

VIEWS = ("summary", "heatmaps", "neighbours", "maps", "tokens", "program", "address")
"""The components that show a comparison; the last holds it as text for the page's address."""
CHOSEN = ("used", "rows", "columns", "ticked", "panel", "notice")
"""The components that depend on the chosen modules."""

_CARD_BYTES = 256 << 10
Answer = dict[str, Any]
P = ParamSpec("P")
Handler = Callable[Concatenate["Handlers", gr.Request, P], Answer]


def _notice_in(component: str) -> Callable[[Handler[P]], Handler[P]]:
    """Count a request before it is answered; an error becomes a notice in this component."""

    def decorate(handler: Handler[P]) -> Handler[P]:
        @functools.wraps(handler)
        def answer(self: Handlers, request: gr.Request, /, *inputs: P.args, **named: P.kwargs) -> Answer:
            try:
                self.demo.rate.check(request)
                return handler(self, request, *inputs, **named)
            except AdaptersHubError as error:
                return {component: error_notice(for_visitors(error))}

        return answer

    return decorate


class Handlers:
    """The answers of the page.

    Args:
        demo: the state that all visitors share.
    """

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.hub = folder_name(demo.bench.catalog.hub)

    def views(self, comparison: Comparison, difference: bool) -> Answer:
        """All views of a comparison."""
        address = self.demo.link(comparison)
        if not comparison.rows:
            empty = empty_notice("No sentences yet.", "Write at least two, choose examples, or paste some lines.")
            return dict.fromkeys(VIEWS, empty) | {"summary": "", "program": "", "address": address}
        return {
            "summary": summary_view(comparison),
            "heatmaps": heatmaps_view(comparison, difference),
            "neighbours": neighbours_view(comparison),
            "maps": map_view(comparison),
            "tokens": tokens_view(self.demo.bench, comparison.rows, comparison.picks),
            "program": program_view(snippet(comparison, self.hub)),
            "address": address,
        }

    @_notice_in("summary")
    def compare(
        self,
        request: gr.Request,
        rows: object,
        columns: object,
        used: Sequence[str] | None,
        difference: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio looks for it in the signature)
    ) -> Answer:
        """All views of the rows under the compositions."""
        return self.views(self.demo.compare(rows, columns, used, progress, request), bool(difference))

    @_notice_in("summary")
    def open(self, request: gr.Request, difference: bool) -> Answer:
        """Rows, compositions, modules and all views of a page that was opened by a link."""
        view = request.query_params.get("view")
        if not view:
            return {}
        record = unpack(str(view))
        comparison = self.demo.compare(record["rows"], record["columns"], record["modules"], request=request)
        picks = comparison.picks
        return {
            "rows": gr.update(value=_records(comparison.rows), languages=self.demo.languages(picks)),
            "columns": gr.update(value=[column.to_record() for column in comparison.columns], **offers(picks)),
            "used": picks.names,
            "ticked": _ticks(picks),
            **self.views(comparison, bool(difference)),
        }

    @_notice_in("summary")
    def take_example(self, request: gr.Request, examples: str) -> Answer:
        """The rows of a set of examples."""
        return {"rows": _records(example(examples))}

    @_notice_in("taken")
    def paste(self, request: gr.Request, pasted: str, used: Sequence[str] | None) -> Answer:
        """The rows of pasted text."""
        return _taken(read_lines(pasted or "", self.demo.settings.limits, list(self.demo.picks(used).modules)))

    @_notice_in("taken")
    def upload(
        self, request: gr.Request, file: str | None, used: Sequence[str] | None, skip_empty: bool = False
    ) -> Answer:
        """The rows of an uploaded file."""
        offered = list(self.demo.picks(used).modules)
        empty: Empty = "missing" if skip_empty else "error"
        return _taken(read_file(*_content(file), self.demo.settings.limits, offered, empty))

    @_notice_in("notice")
    def search(self, request: gr.Request, query: str) -> Answer:
        """The modules that were found, as choices."""
        found = self.demo.bench.catalog.search(query or "")
        notice = empty_notice("Nothing found.", "Try a language, such as kaz or Kazakh, or org/name@revision.")
        return {
            "found": gr.update(choices=[(it.title, it.address) for it in found], value=[], visible=bool(found)),
            "compose": gr.update(visible=bool(found)),
            "notice": "" if found else notice,
        }

    @_notice_in("notice")
    def compose(
        self,
        request: gr.Request,
        found: Sequence[str],
        used: Sequence[str] | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Answer:
        """Fetch and compose the modules that are ticked among those found, in addition to those in use."""
        catalog = self.demo.bench.catalog
        before = self.demo.picks(used)
        fresh = [catalog.resolve(name) for name in found or []]
        if not fresh:
            raise DemoError("no module is ticked: search for one, tick it, then press Compose")
        replaced = {entry.language for entry in fresh if not entry.is_adapter}
        kept = [it.address for it in before.entries if it.language not in replaced or it.address in found]
        picks = catalog.pick(list(dict.fromkeys([*kept, *found])))
        self.demo.bench.fetch(picks, progress)
        self.demo.bench.compose(picks, progress)
        return self._chosen(picks)

    @_notice_in("notice")
    def keep(self, request: gr.Request, ticked: Sequence[str]) -> Answer:
        """Keep only the modules that are still ticked."""
        catalog = self.demo.bench.catalog
        entries = [catalog.resolve(name) for name in ticked or []]
        languages = {entry.language for entry in entries if not entry.is_adapter}
        # Without its module, an adapter is left out too.
        left = [entry.address for entry in entries if not entry.is_adapter or entry.language in languages]
        return self._chosen(catalog.pick(left))

    @_notice_in("panel")
    def show_panel(self, request: gr.Request, used: Sequence[str] | None) -> Answer:
        """The module panel as it is now."""
        return {"panel": panel_view(self.demo.bench, self.demo.picks(used))}

    @_notice_in("card")
    def list_cards(self, request: gr.Request, used: Sequence[str] | None) -> Answer:
        """The modules whose cards can be shown."""
        return {"which": gr.update(choices=choices(self.demo.picks(used)))}

    @_notice_in("card")
    def show_card(self, request: gr.Request, which: str | None) -> Answer:
        """The card of a module, in Markdown; the page removes any HTML from it."""
        if not which:
            return {"card": "Choose a module to read its card."}
        catalog = self.demo.bench.catalog
        path = inner_path(fetch_module(catalog.resolve(which).address, catalog.hub, card=True).folder, CARD)
        if not path.is_file() or path.stat().st_size > _CARD_BYTES:
            return {"card": "This module has no card: its publisher can make one with `adapters-hub push`."}
        text = path.read_text(encoding="utf-8", errors="replace")
        return {"card": text.split("\n---\n", 1)[1] if text.startswith("---\n") and "\n---\n" in text else text}

    @_notice_in("graded")
    def graded(
        self,
        request: gr.Request,
        source: str,
        first: str,
        second: str,
        pairs: str | None,
        columns: object,
        used: Sequence[str] | None,
        skip_pairs: bool = False,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Answer:
        """The scores of graded pairs, an uploaded file or the sample benchmark, under the compositions."""
        if source == "upload":
            empty: Empty = "missing" if skip_pairs else "error"
            found = read_pairs(*_content(pairs), (first, second), self.demo.settings.limits, empty)
        else:
            found = sample_pairs(source, first, second)
        picks, compositions = self.demo.picks(used), parse_columns(columns, self.demo.settings.limits.columns)
        self.demo.rate.charge(request, len(compositions) * sum(map(len, found.first + found.second)))
        return {"graded": graded_view(found, grade(self.demo.bench, found, compositions, picks, progress))}

    @_notice_in("files_notice")
    def download(self, request: gr.Request, rows: object, columns: object, used: Sequence[str] | None) -> Answer:
        """The files of a comparison."""
        comparison = self.demo.compare(rows, columns, used, request=request)
        if not comparison.rows:
            raise DemoError("there are no sentences to make files of: write some first")
        # Gradio serves files of this folder without copying them, and deletes them after an hour.
        place = Path(get_upload_folder())
        place.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="comparison-", dir=place))
        files = [str(path) for path in export(comparison, folder, self.hub)]
        return {"files": gr.update(value=files, visible=True), "files_notice": ""}

    def _chosen(self, picks: Picks) -> Answer:
        return {
            "used": picks.names,
            "rows": gr.update(languages=self.demo.languages(picks)),
            "columns": gr.update(**offers(picks)),
            "ticked": _ticks(picks),
            "panel": panel_view(self.demo.bench, picks),
            "notice": note(f"{len(picks.modules)} language modules composed."),
        }


def offers(picks: Picks) -> dict[str, Any]:
    """The properties of the editor of compositions: the modules, and the adapters of each language."""
    return {
        "modules": {code: entry.repo for code, entry in picks.modules.items()},
        "adapters": {code: picks.objectives(code) for code in picks.modules},
    }


def choices(picks: Picks) -> list[tuple[str, str]]:
    """Modules to choose from: what is shown, and the address."""
    return [(entry.title, entry.address) for entry in picks.entries]


def _ticks(picks: Picks) -> Any:  # noqa: ANN401
    """The list of the modules in use, all ticked."""
    return gr.update(choices=choices(picks), value=picks.names)


def _records(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [row.to_record() for row in rows]


def _taken(rows: Sequence[Row]) -> Answer:
    return {"rows": _records(rows), "taken": note(f"{len(rows)} sentences taken.")}


def _content(file: str | None) -> tuple[str, bytes]:
    """Name and content of an upload; `file` is the path that Gradio stored it under, after it checked the size."""
    if not file:
        raise DemoError("no file: choose one in CSV or TSV")
    return Path(file).name, Path(file).read_bytes()
