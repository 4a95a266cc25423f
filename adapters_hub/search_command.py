"""The command `adapters-hub search`."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from adapters_hub.commands import HubOption, modules_in
from adapters_hub.console import say, say_table, tell
from adapters_hub.detection import AUTO
from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import cache_folder, sha256
from adapters_hub.reading import read_text
from adapters_hub.requirements import needed_for

if TYPE_CHECKING:
    from adapters_hub import ModularEncoder
    from adapters_hub.encoder.alignment import Align
    from adapters_hub.search import Answer, SearchIndex

_SHOWN = 100  # characters of a passage in the table


def search_command(
    corpus: Annotated[
        Path,
        typer.Argument(
            metavar="CORPUS",
            help="A folder that adapters-hub encode has written, the folder of a search index, or a file of text with "
            "a passage on each line.",
        ),
    ],
    question: Annotated[list[str] | None, typer.Argument(metavar="[QUESTION]...", help="Questions.")] = None,
    questions: Annotated[Path | None, typer.Option(help="File of text with a question on each line.")] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Language of the questions, such as kaz, or auto to detect it (default: the corpus's, if it has one)."
        ),
    ] = None,
    corpus_language: Annotated[
        str | None,
        typer.Option(help="Language of passages in files of text, or auto (default: that of the questions)."),
    ] = None,
    append: Annotated[
        list[Path] | None,
        typer.Option(
            help="File of text with a passage on each line to add to the corpus first; may be repeated. A folder that "
            "does not exist becomes a search index."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of passages for each question.")] = 10,
    mode: Annotated[
        Literal["auto", "vectors", "words", "both"],
        typer.Option(
            help="vectors: by meaning. words: by words in common (BM25 of trigrams). both: fusion of the two, better "
            "than either within a language on development data. auto: both for questions in a language of the corpus, "
            "vectors for others."
        ),
    ] = "auto",
    all_passages: Annotated[
        bool, typer.Option("--all", help="List passages even if probably none answers the question.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each question.")] = False,
    module: Annotated[
        list[str] | None,
        typer.Option(
            help="Language module or alignment adapter, or a folder of them; may be repeated (default: what the corpus "
            "was encoded with)."
        ),
    ] = None,
    base: Annotated[str | None, typer.Option(help="Base encoder (default: that of the modules).")] = None,
    hub: HubOption = None,
) -> None:
    """Find the passages of a corpus that answer questions, in the language of the questions or in others.

    For example: adapters-hub search vectors/ "Астана қашан астана болды?" --language kaz --top 3
    """
    asked = [*(question or []), *(_lines(questions)[1] if questions else [])]
    if not asked and not append:
        raise AdaptersHubError("expected a question after the corpus, or a file of them with --questions")
    with needed_for("search", "search"):
        import lancedb  # noqa: F401

        from adapters_hub.search import SearchIndex
        from adapters_hub.search.record import Record
    from adapters_hub import ModularEncoder

    is_text = corpus.is_file()
    if not (append or corpus.exists()):
        raise AdaptersHubError(f"{corpus} does not exist: expected a corpus, or texts to make it from with --append")
    made_with = {} if is_text else Record.of(corpus).made_with
    given = [path for one in module or [] for path in modules_in(one)]
    encoder = ModularEncoder(
        base or (None if given else made_with.get("base")), given or made_with.get("modules", []), hub=hub
    )
    across = corpus_language not in (None, language)
    index = SearchIndex(_folder_for(corpus, encoder, across) if is_text else corpus, encoder)
    of_questions = language or _the_one(index)
    for path in [*([corpus] if is_text else []), *(append or [])]:
        _append(index, path, corpus_language or of_questions, of_questions)
    if not asked:
        say(f"{len(index)} passages in {corpus}")
        return
    answers = index.search(asked, of_questions or _the_one(index), top=top, mode=mode)
    for code in dict.fromkeys(answer.language for answer in answers):
        tell(index.composed(code))
    for answer in answers:
        if as_json:
            typer.echo(json.dumps(_values(answer), ensure_ascii=False))
        else:
            _show(answer, alone=len(asked) == 1, all_passages=all_passages)


def _append(index: SearchIndex, path: Path, language: str | None, of_questions: str | None) -> None:
    """Add the lines of a file, aligned if the questions are in another language than they are."""
    from adapters_hub.search.record import loaded_language

    numbers, texts = _lines(path)
    align: Align = False
    if AUTO not in (language, of_questions):
        code = loaded_language(index.encoder, language)
        if code in index.record.languages:
            align = index.record.alignment(index.encoder, code)
        else:
            across = code != loaded_language(index.encoder, of_questions)
            align = bool(across and code and index.encoder.alignments[code])
    index.append(texts, language, align=align, source=path.name, numbers=numbers, show_progress=True)


def _folder_for(path: Path, encoder: ModularEncoder, across: bool) -> Path:
    """A folder in the cache for the index of a file: another one if the file or what encodes it is another."""
    facts = [sha256(path), across, *(encoder.fingerprints(code) for code in (None, *encoder.languages))]
    return cache_folder() / "search" / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _the_one(index: SearchIndex) -> str | None:
    """The language of all passages or, of an empty corpus, of all modules.

    Raises:
        AdaptersHubError: there are several.
    """
    found = index.languages or index.encoder.languages
    if len(found) > 1:
        raise AdaptersHubError(
            f"expected the language of the questions, --language, because there are {', '.join(map(str, found))}"
        )
    return found[0] if found else None


def _lines(path: Path) -> tuple[list[int], list[str]]:
    """The lines that are not empty, and their numbers."""
    lines = [(number, line.strip()) for number, line in enumerate(read_text(path).split("\n"), start=1)]
    kept = [(number, line) for number, line in lines if line]
    if not kept:
        raise AdaptersHubError(f"{path} is empty: expected a text on each line")
    return [number for number, _ in kept], [line for _, line in kept]


def _values(answer: Answer) -> dict[str, object]:
    values = asdict(answer)
    for hit in values["hits"]:
        hit["standard_score"] = None if math.isnan(hit["standard_score"]) else hit["standard_score"]
    return values


def _show(answer: Answer, *, alone: bool, all_passages: bool) -> None:
    if not alone:
        say(f"{answer.question}")
    if answer.cut:
        tell(f"note: the question {answer.question[:_SHOWN]!r} is too long and was cut")
    best = max((hit.standard_score for hit in answer.hits), default=math.nan)
    if not answer.answered:
        nearest = (
            "" if math.isnan(best) else f": the nearest stands out by {best:.1f}, chance reaches {answer.threshold:.1f}"
        )
        say(f"probably nothing in the corpus answers this{nearest}{'' if all_passages else ' (--all lists it)'}")
    if answer.hits and (answer.answered or all_passages):
        rows = [
            [
                str(rank),
                f"{hit.similarity:.3f}",
                "" if math.isnan(hit.standard_score) else f"{hit.standard_score:.1f}",
                f"{hit.source}:{hit.number}",
                hit.language or "",
                _shortened(hit.text),
            ]
            for rank, hit in enumerate(answer.hits, start=1)
        ]
        say_table([["", "similarity", "stands out", "source", "language", "passage"], *rows])
    if not alone:
        say("")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
