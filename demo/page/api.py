"""The endpoints for programs: `/encode`, `/similarity` and `/modules`."""

# Annotations are not postponed here, because Gradio reads the endpoints' at run time.

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.events import api as endpoint

from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import AlignmentManifest
from adapters_hub.texts import numbered
from demo.compare.comparison import Comparison
from demo.compare.entries import Entry
from demo.input.columns import DEFAULT
from demo.limits.errors import for_visitors, without_places
from demo.page.visit import Demo


class Api:
    """The endpoints. They report errors in one line.

    Args:
        demo: the state that all visitors share; the same limits hold for the page and for programs.
    """

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    def register(self) -> None:
        """Add the endpoints to the app that is being built."""
        for method in (self.encode, self.similarity, self.modules):
            endpoint(method, api_name=method.__name__, concurrency_id="compute")

    def encode(
        self,
        sentences: list[str],
        languages: list[str],
        composition: dict[str, Any],
        modules: list[str],
        request: gr.Request,
    ) -> dict[str, Any]:
        """Sentence vectors.

        Args:
            sentences: the texts.
            languages: ISO 639-3 codes, one for each sentence, or one for all; an empty list: guessed.
            composition: a composition, such as {"kind": "aligned", "by": "both"}; {}: modules without alignment.
            modules: the modules to compose, as org/name[@revision]; an empty list: the default ones.
            request: filled in by the server.

        Returns:
            `vectors` ([n, dim], unit length), `languages`, `modules`, `notes`.
        """
        compositions = [composition or {"kind": "modules"}]
        comparison = self._compare(sentences, languages, compositions, modules, request)
        return {
            "vectors": comparison.vectors[0].tolist(),
            "languages": [row.language for row in comparison.rows],
            "modules": _used(comparison),
            "notes": comparison.notes(comparison.columns[0]),
        }

    def similarity(
        self,
        sentences: list[str],
        languages: list[str],
        compositions: list[dict[str, Any]],
        modules: list[str],
        request: gr.Request,
    ) -> dict[str, Any]:
        """Cosines of all pairs of sentences under several compositions.

        Args:
            sentences: the texts.
            languages: as for `/encode`.
            compositions: a list of compositions as for `/encode`; an empty list: base, modules, aligned.
            modules: as for `/encode`.
            request: filled in by the server.

        Returns:
            `compositions`: for each its `title`, `similarities` ([n, n]) and `notes`; `languages`; `modules`.
        """
        records = compositions or [column.to_record() for column in DEFAULT]
        comparison = self._compare(sentences, languages, records, modules, request)
        return {
            "compositions": [
                {"title": column.title, "similarities": matrix.tolist(), "notes": comparison.notes(column)}
                for column, matrix in zip(comparison.columns, comparison.similarities, strict=True)
            ],
            "languages": [row.language for row in comparison.rows],
            "modules": _used(comparison),
        }

    def modules(self, search: str, request: gr.Request) -> list[dict[str, Any]]:
        """The modules on offer.

        Args:
            search: words in a name, language or kind; empty: all listed modules.
            request: filled in by the server.

        Returns:
            For each module its `address`, `kind`, `language`, `bytes` and `licence`, and its `vocabulary` or its
            `pivot` and `objective`.
        """
        with self._counted(request):
            return [_record(entry) for entry in self._demo.bench.catalog.search(search)]

    def _compare(
        self,
        sentences: list[str],
        languages: list[str],
        compositions: list[dict[str, Any]],
        modules: list[str],
        request: gr.Request,
    ) -> Comparison:
        with self._counted(request):
            if not isinstance(sentences, list) or not isinstance(languages, list):
                raise AdaptersHubError("expected lists of sentences and of languages")
            codes = languages * len(sentences) if len(languages) == 1 else languages or [""] * len(sentences)
            if len(codes) != len(sentences):
                raise AdaptersHubError(
                    f"{len(sentences)} sentences but {len(codes)} languages: give one for each, one for all, or none"
                )
            if empty := [number for number, text in enumerate(sentences, start=1) if not str(text or "").strip()]:
                which = f"sentences {numbered(empty)} are" if len(empty) > 1 else f"sentence {empty[0]} is"
                raise AdaptersHubError(f"{which} empty: leave out sentences without text")
            rows = [{"text": text, "language": code} for text, code in zip(sentences, codes, strict=True)]
            comparison = self._demo.compare(rows, compositions, modules or None, request=request)
            if len(comparison.rows) != len(sentences):
                raise AdaptersHubError("a sentence has only control characters: leave it out")
            return comparison

    @contextlib.contextmanager
    def _counted(self, request: gr.Request) -> Iterator[None]:
        """Count a request, and report its errors in one line."""
        try:
            self._demo.rate.check(request)
            yield
        except AdaptersHubError as error:
            raise gr.Error(for_visitors(error), print_exception=False) from None


def _used(comparison: Comparison) -> list[str]:
    return [entry.address for entry in comparison.picks.entries if entry.language in comparison.languages]


def _record(entry: Entry) -> dict[str, Any]:
    manifest = entry.manifest
    record: dict[str, Any] = {
        "address": entry.address,
        "kind": manifest.kind,
        "language": entry.language,
        "bytes": manifest.size,
        "licence": manifest.license,
    }
    if isinstance(manifest, AlignmentManifest):
        return record | {"pivot": manifest.pivot, "objective": manifest.objective}
    # A hand-written manifest may contain paths.
    return record | {"vocabulary": json.loads(without_places(json.dumps(manifest.vocabulary, ensure_ascii=False)))}
