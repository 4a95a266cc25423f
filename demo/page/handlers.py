"""Answer the actions of visitors. Stateless: everything that an answer depends on comes with the request."""

from __future__ import annotations

import functools
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import inner_path
from adapters_hub.format import CARD
from adapters_hub.hub import HubError, fetch_module
from demo.compare.catalog import Picks
from demo.compare.comparison import Comparison
from demo.compare.graded import grade, read_pairs, sample_pairs
from demo.compare.snippet import folder_name, snippet
from demo.compare.workbench import Progress
from demo.input.examples import example
from demo.input.sentences import read_file, read_lines
from demo.limits.errors import DemoError, for_visitors
from demo.page.export import export
from demo.page.visit import Demo
from demo.views import (
    empty_notice,
    error_notice,
    graded_view,
    heatmaps_view,
    map_view,
    neighbours_view,
    panel_view,
    program_view,
    summary_view,
    tokens_view,
)

logger = logging.getLogger(__name__)

_CARD_BYTES = 256 << 10
_EMPTY = ("No sentences yet.", "Write at least two, choose examples, or paste some lines.")
Views = tuple[Any, ...]


class Handlers:
    """The answers of the page.

    Args:
        demo: the state that all visitors share.
    """

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.hub = folder_name(demo.bench.catalog.hub)

    def views(self, comparison: Comparison, difference: bool) -> Views:
        """All views of a comparison: summary, heat maps, neighbours, map, tokens, program, link."""
        if not comparison.rows:
            empty = empty_notice(*_EMPTY)
            return ("", empty, empty, empty, empty, "", self.demo.link(comparison))
        return (
            summary_view(comparison),
            heatmaps_view(comparison, difference),
            neighbours_view(comparison),
            map_view(comparison),
            tokens_view(self.demo.bench, comparison.rows, comparison.picks),
            program_view(snippet(comparison, self.hub)),
            self.demo.link(comparison),
        )

    def compare(
        self,
        rows: object,
        columns: object,
        names: Sequence[str] | None,
        difference: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio looks for it in the signature)
    ) -> Views:
        """Answer with all views; an error replaces the summary, and the other views stay as they were."""

        def answer() -> Views:
            self.demo.rate.check(request)
            comparison = self.demo.compare(rows, columns, names, _told(progress), self._charge(request))
            return self.views(comparison, bool(difference))

        return self._or_notice(answer, others=6)

    def open(self, difference: bool, request: gr.Request) -> Views:
        """Answer a page that was opened by a link: rows, compositions, modules, the list in use, and all views."""
        view = request.query_params.get("view")
        if not view:
            return tuple(gr.skip() for _ in range(11))

        def answer() -> Views:
            self.demo.rate.check(request)
            rows, columns, names = self.demo.opened(str(view))
            records = [row.to_record() for row in rows]
            comparison = self.demo.compare(records, columns, names, charge=self._charge(request))
            return (
                gr.update(value=records, languages=self.demo.languages(comparison.picks)),
                gr.update(value=[column.to_record() for column in columns], **self.offers(comparison.picks)),
                comparison.picks.names,
                self.ticks(comparison.picks),
                *self.views(comparison, bool(difference)),
            )

        try:
            return answer()
        except (AdaptersHubError, HubError) as error:
            return (*(gr.skip() for _ in range(4)), error_notice(for_visitors(error)), *(gr.skip() for _ in range(6)))

    def offers(self, picks: Picks) -> dict[str, Any]:
        """The values for the editor of compositions: the modules, and the adapters of each language."""
        return {
            "modules": {code: entry.repo for code, entry in picks.modules.items()},
            "adapters": {code: picks.objectives(code) for code in picks.modules},
        }

    def ticks(self, picks: Picks) -> Any:  # noqa: ANN401
        """The list of the modules in use, all ticked."""
        return gr.update(choices=[(entry.title, entry.address) for entry in picks.entries], value=picks.names)

    def take_example(self, name: str, request: gr.Request) -> Any:  # noqa: ANN401
        """The rows of a set of examples."""
        del request
        return [row.to_record() for row in example(name)]

    def paste(self, text: str, names: Sequence[str] | None, request: gr.Request) -> Views:
        """The rows of pasted text, and a notice."""

        def answer() -> Views:
            self.demo.rate.check(request)
            rows = read_lines(text or "", self.demo.settings.limits, list(self.demo.picks(names).modules))
            return [row.to_record() for row in rows], f'<p class="mse-note">{len(rows)} sentences taken.</p>'

        return self._or_notice(answer, others=1, last=True)

    def upload(
        self, file: str | None, names: Sequence[str] | None, request: gr.Request, skip_empty: bool = False
    ) -> Views:
        """The rows of an uploaded file, and a notice."""

        def answer() -> Views:
            self.demo.rate.check(request)
            limits = self.demo.settings.limits
            name, content = _content(file, limits.file_bytes)
            offered = list(self.demo.picks(names).modules)
            rows = read_file(name, content, limits, offered, "missing" if skip_empty else "error")
            return [row.to_record() for row in rows], f'<p class="mse-note">{len(rows)} sentences taken.</p>'

        return self._or_notice(answer, others=1, last=True)

    def search(self, text: str, request: gr.Request) -> Views:
        """The modules that were found, as choices, and a notice."""

        def answer() -> Views:
            self.demo.rate.check(request)
            found = self.demo.bench.catalog.search(text or "")
            if not found:
                notice = empty_notice("Nothing found.", "Try a language, such as kaz or Kazakh, or org/name@revision.")
                return gr.update(choices=[], value=[], visible=False), gr.update(visible=False), notice
            choices = [(entry.title, entry.address) for entry in found]
            return gr.update(choices=choices, value=[], visible=True), gr.update(visible=True), ""

        return self._or_notice(answer, others=2, last=True)

    def compose(
        self,
        names: Sequence[str],
        used: Sequence[str] | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Views:
        """Fetch and compose modules; answer with the modules, editors, list in use, panel and notice."""

        def answer() -> Views:
            self.demo.rate.check(request)
            catalog = self.demo.bench.catalog
            before = self.demo.picks(used)
            fresh = [catalog.resolve(name) for name in names or []]
            if not fresh:
                raise DemoError("no module is ticked: search for one, tick it, then press Compose")
            replaced = {entry.language for entry in fresh if not entry.is_adapter}
            kept = [
                entry.address
                for entry in before.entries
                if not (entry.language in replaced and entry.address not in names)
            ]
            picks = catalog.pick(list(dict.fromkeys([*kept, *names])))
            self.demo.bench.fetch(picks, _told(progress))
            self.demo.bench.compose(picks, _told(progress))
            return self._chosen(picks)

        return self._or_notice(answer, others=5, last=True)

    def keep(self, names: Sequence[str], request: gr.Request) -> Views:
        """Keep only the modules that are still ticked."""

        def answer() -> Views:
            self.demo.rate.check(request)
            catalog = self.demo.bench.catalog
            entries = [catalog.resolve(name) for name in names or []]
            languages = {entry.language for entry in entries if not entry.is_adapter}
            # Without its module, an adapter is left out too.
            left = [entry.address for entry in entries if not entry.is_adapter or entry.language in languages]
            return self._chosen(catalog.pick(left))

        return self._or_notice(answer, others=5, last=True)

    def panel(self, names: Sequence[str] | None) -> str:
        """The module panel as it is now."""
        try:
            return panel_view(self.demo.bench, self.demo.picks(names))
        except AdaptersHubError as error:
            return error_notice(for_visitors(error))

    def card(self, address: str | None, request: gr.Request) -> str:
        """The card of a module, in Markdown; the page removes any HTML from it."""
        try:
            self.demo.rate.check(request)
            if not address:
                return "Choose a module to read its card."
            entry = self.demo.bench.catalog.resolve(address)
            folder = fetch_module(entry.address, self.demo.bench.catalog.hub, card=True).folder
            path = inner_path(folder, CARD)
            if not path.is_file() or path.stat().st_size > _CARD_BYTES:
                return "This module has no card: its publisher can make one with `adapters-hub push`."
            text = path.read_text(encoding="utf-8", errors="replace")
            return text.split("\n---\n", 1)[1] if text.startswith("---\n") and "\n---\n" in text else text
        except AdaptersHubError as error:
            return f"That did not work: {for_visitors(error)}"

    def graded(
        self,
        source: str,
        first: str,
        second: str,
        file: str | None,
        columns: object,
        names: Sequence[str] | None,
        request: gr.Request,
        skip_empty: bool = False,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:
        """Score graded pairs on the chosen compositions."""
        try:
            self.demo.rate.check(request)
            limits = self.demo.settings.limits
            if source == "upload":
                name, content = _content(file, limits.file_bytes)
                pairs = read_pairs(name, content, (first, second), limits, "missing" if skip_empty else "error")
            else:
                pairs = sample_pairs(source, first, second)
            picks, compositions = self.demo.picks(names), self.demo.columns(columns)
            self.demo.rate.charge(request, len(compositions) * sum(map(len, pairs.first + pairs.second)))
            return graded_view(pairs, grade(self.demo.bench, pairs, compositions, picks, _told(progress)))
        except AdaptersHubError as error:
            return error_notice(for_visitors(error))

    def download(self, rows: object, columns: object, names: Sequence[str] | None, request: gr.Request) -> Views:
        """The files to download, and a notice."""

        def answer() -> Views:
            self.demo.rate.check(request)
            comparison = self.demo.compare(rows, columns, names, charge=self._charge(request))
            if not comparison.rows:
                raise DemoError("there are no sentences to make files of: write some first")
            # Gradio serves files of this folder without copying them, and deletes them after an hour.
            place = Path(get_upload_folder())
            place.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="comparison-", dir=place))
            files = [str(path) for path in export(comparison, folder, self.hub)]
            return gr.update(value=files, visible=True), ""

        return self._or_notice(answer, others=1, last=True)

    def _charge(self, request: gr.Request) -> Callable[[int], None]:
        return functools.partial(self.demo.rate.charge, request)

    def _chosen(self, picks: Picks) -> Views:
        return (
            picks.names,
            gr.update(languages=self.demo.languages(picks)),
            gr.update(**self.offers(picks)),
            self.ticks(picks),
            panel_view(self.demo.bench, picks),
            f'<p class="mse-note">{len(picks.modules)} language modules composed.</p>',
        )

    def _or_notice(self, answer: Callable[[], Views], others: int, last: bool = False) -> Views:
        """The answer or, after an error, a notice as the first or the last value; the others stay as they are."""
        try:
            return answer()
        except AdaptersHubError as error:
            skipped = tuple(gr.skip() for _ in range(others))
            return (
                (*skipped, error_notice(for_visitors(error))) if last else (error_notice(for_visitors(error)), *skipped)
            )


def _told(progress: gr.Progress) -> Progress:
    return lambda share, text: progress(share, desc=text)


def _content(file: str | None, most: int) -> tuple[str, bytes]:
    """Name and content of an upload; `file` is the path that Gradio stored it under and has checked."""
    if not file:
        raise DemoError("no file: choose one in CSV or TSV")
    path = Path(file)
    if path.stat().st_size > most:
        raise DemoError(
            f"the file has {path.stat().st_size / 1e6:.1f} MB, up to {most / 1e6:.1f} MB are allowed: "
            "upload a part of it"
        )
    return path.name, path.read_bytes()
