"""The endpoints, tested with the real client against the real server."""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.adapters_hub.conftest import Shelf
from tests.conftest import ROOT
from tests.demo.conftest import Internet
from tests.forked import run_python

TEXTS = ["Guten Morgen!", "Қайырлы таң!", "Good morning!"]
CODES = ["deu", "kaz", "eng"]
VISITORS = 20


@pytest.fixture(scope="module")
def client(server: str) -> Client:
    """The client of a program that uses the demo."""
    return Client(server, verbose=False)


def test_encode_gives_the_vectors_of_the_library(client: Client, shelf: Shelf) -> None:
    answer = client.predict(TEXTS, CODES, {"kind": "aligned", "by": "parallel"}, [], api_name="/encode")
    expected = shelf.encoder(*shelf.folders).encode(TEXTS, CODES, align={"kaz": "parallel"})
    assert np.allclose(answer["vectors"], expected, atol=1e-5)
    assert answer["notes"] == ["deu: no 'parallel' adapter, so not aligned by it"]
    assert {name.partition("@")[0] for name in answer["modules"]} == {f"tiny/{m.name}" for m in shelf.folders}


def test_a_sentence_of_which_not_all_counts_is_named(client: Client) -> None:
    answer = client.predict(["Ja.", "Der Zug hat Verspätung. " * 20], ["deu"], {}, [], api_name="/encode")
    assert [note.partition(" tokens")[0] for note in answer["notes"]] == ["sentence 2: only the first 64"]


def test_languages_are_guessed_where_they_are_not_said(client: Client) -> None:
    answer = client.predict(["Where is the station?", "Wo ist der Bahnhof?"], [], {}, [], api_name="/encode")
    assert answer["languages"] == ["eng", "deu"]


def test_similarity_compares_several_compositions(client: Client) -> None:
    answer = client.predict(TEXTS, CODES, [], [], api_name="/similarity")
    assert [item["title"] for item in answer["compositions"]] == ["Base", "Modules", "Aligned"]
    for item in answer["compositions"]:
        assert np.allclose(np.diag(item["similarities"]), 1, atol=1e-5)
    chosen = [{"kind": "blend", "weights": {"paraphrase": 0.5, "parallel": 0.5}}]
    blend = client.predict(TEXTS, CODES, chosen, ["tiny/kaz", "tiny/kaz-eng-parallel"], api_name="/similarity")
    assert "'paraphrase'" in str(blend["compositions"][0]["notes"])


def test_modules_are_listed(client: Client) -> None:
    found = client.predict("kazakh", api_name="/modules")
    assert [item["kind"] for item in found] == ["language_module", "alignment_adapter", "alignment_adapter"]
    assert {item.get("objective") for item in found} == {None, "parallel", "paraphrase"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((TEXTS, ["deu", "kaz"], {}, []), "3 sentences but 2 languages"),
        ((["a", " "], ["deu"], {}, []), "sentence 2 is empty"),
        ((["\x00\x01"], ["deu"], {}, []), "a sentence has only control characters"),
        ((["a"] * 10_000, ["deu"], {}, []), "10,000 rows, up to 64"),
        ((["a" * 501], ["deu"], {}, []), "501 characters, up to 500"),
        ((["a"], ["deu"], {"kind": "evil"}, []), "expected a composition"),
        ((["a"], ["deu"], {}, ["../../etc/passwd"]), "expected a module as org/name"),
        ((["a"], ["deu"], {}, ["tests/demo"]), "is not offered here"),
        ((["a"], ["deu"], {}, ["other/deu"]), "is not offered here"),
        ((["a"], ["<b>"], {}, []), "is not an ISO 639-3"),
    ],
)
def test_what_does_not_fit_is_answered_in_one_line(client: Client, arguments: tuple[Any, ...], says: str) -> None:
    with pytest.raises(AppError, match=says) as caught:
        client.predict(*arguments, api_name="/encode")
    assert "Traceback" not in str(caught.value)


def test_twenty_visitors_at_once_each_get_their_own_answer(server: str, shelf: Shelf) -> None:
    encoder = shelf.encoder(*shelf.folders)
    clients = [Client(server, verbose=False) for _ in range(VISITORS)]
    start = threading.Barrier(VISITORS)

    def visit(number: int) -> list[bool]:
        start.wait()
        right = []
        for turn in range(3):
            texts = [f"{number} {turn} Guten Morgen", f"{turn} {number} қайырлы таң", f"Good morning {number} {turn}"]
            kind = ({"kind": "base"}, {"kind": "modules"}, {"kind": "aligned", "by": "paraphrase"})[(number + turn) % 3]
            answer = clients[number].predict(texts, CODES, [kind], [], api_name="/similarity")
            align = {"kaz": "paraphrase"} if kind["kind"] == "aligned" else False
            with lock:
                vectors = encoder.encode(texts, None if kind["kind"] == "base" else CODES, align=align)  # type: ignore[arg-type]
            right.append(np.allclose(answer["compositions"][0]["similarities"], vectors @ vectors.T, atol=1e-4))
        return right

    lock = threading.Lock()
    with ThreadPoolExecutor(VISITORS) as pool:
        answers = list(pool.map(visit, range(VISITORS)))
    assert answers == [[True] * 3] * VISITORS


def test_only_the_documented_endpoints_are_offered(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]  # type: ignore[index]
    assert set(endpoints) == {"/encode", "/similarity", "/modules"}
    assert "Sentence vectors" in str(endpoints["/encode"])


def post(url: str, body: bytes, content_type: str) -> tuple[int, str]:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (ConnectionError, urllib.error.URLError) as error:  # the server closes too large an upload
        return 413, str(error)


def finished(server: str, dependency: dict[str, Any], data: list[Any]) -> str:
    """The queue's final answer to a request like those of the page."""
    session = f"session-{dependency['id']}"
    body = {"data": data, "fn_index": dependency["id"], "session_hash": session}
    assert post(f"{server}gradio_api/queue/join", json.dumps(body).encode(), "application/json")[0] == 200
    with urllib.request.urlopen(f"{server}gradio_api/queue/data?session_hash={session}", timeout=60) as stream:
        return next(line for line in map(bytes.decode, stream) if "process_completed" in line)


def test_nothing_is_fetched_that_a_request_names(server: str, internet: Internet) -> None:
    url = f"http://huggingface.co/{uuid.uuid4()}.csv"  # a new URL each time, because fetched files are cached
    link = {"path": url, "meta": {"_type": "gradio.FileData"}}
    config = json.loads(urllib.request.urlopen(f"{server}config").read())
    listening = {item["api_name"]: item for item in config["dependencies"] if item["backend_fn"] and item["inputs"]}
    answers = {}
    for name, item in listening.items():
        answers[name] = finished(server, item, [[link]] * len(item["inputs"]))
    assert internet.asked == []
    for name in ("upload", "graded", "compare", "encode", "similarity", "modules"):
        assert "files come by upload" in answers[name]


def test_the_demo_is_no_proxy(server: str) -> None:
    """A refusal is status 403; had the server tried to fetch, the status would be the other machine's, or 502."""
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{server}gradio_api/file=http://93.184.215.14/", timeout=20)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{server}gradio_api/run-history/buckets", timeout=20)


def test_a_file_of_50_mb_is_refused(server: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n'
        + b"a" * (50 << 20)
        + b"\r\n--x--\r\n"
    )
    status, _ = post(f"{server}gradio_api/upload", body, "multipart/form-data; boundary=x")
    assert status == 413


def test_a_body_of_50_mb_is_refused(server: str) -> None:
    body = json.dumps({"data": ["a" * (50 << 20)], "fn_index": 0, "session_hash": "x"}).encode()
    assert post(f"{server}gradio_api/queue/join", body, "application/json")[0] == 413
    assert post(f"{server}gradio_api/component_server", body, "application/json")[0] == 413


def test_a_path_in_place_of_an_upload_is_refused(server: str, tmp_path: Path) -> None:
    config = json.loads(urllib.request.urlopen(f"{server}config").read())
    secret = tmp_path / "secret.csv"
    secret.write_text("text\nthe secret\n")
    outputs = []
    for dependency in config["dependencies"]:
        files = [c["id"] for c in config["components"] if c["type"] == "file"]
        if not set(dependency["inputs"]) & set(files):
            continue
        data = [
            {"path": str(secret), "meta": {"_type": "gradio.FileData"}} if item in files else None
            for item in dependency["inputs"]
        ]
        outputs.append(finished(server, dependency, data))
    assert outputs
    assert all("not uploaded by a user" in output for output in outputs)


def test_files_of_the_machine_are_not_served(server: str, hub: Path) -> None:
    for path in ("/etc/passwd", "../../etc/passwd", f"{hub}/tiny/deu/refs/main", "demo/app.py"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{server}gradio_api/file={path}", timeout=20)


def test_the_program_in_the_readme_runs(server: str) -> None:
    text = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert program is not None
    done = run_python("-c", program.group(1).replace("http://127.0.0.1:7860/", server), env=os.environ)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["Base", "Modules", "Aligned:"]
