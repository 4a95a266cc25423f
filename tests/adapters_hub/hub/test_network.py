"""A hostile network or Hub: endless answers, endless waits, and tokens sent to the wrong place."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx2
import pytest

from adapters_hub.hub.bounds import _asked_wait, of_the_hub
from adapters_hub.hub.hub import Listing
from adapters_hub.hub.remote import _listing
from tests.adapters_hub.conftest import Shelf
from tests.adapters_hub.hub.test_client import WEIGHTS, Client
from tests.hub_server import HubServer

SEARCH = """
import sys, time
from adapters_hub.errors import AdaptersHubError
from adapters_hub.hub import find_modules
for author in sys.argv[1:]:
    start = time.monotonic()
    try:
        told = f"found {len(find_modules(author=author))}"
    except AdaptersHubError as error:
        told = str(error)
    print(f"{author}: {told if time.monotonic() - start < 15 else 'too late'}")
"""
QUICK = {"HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1", "MSE_HUB_PATIENCE": "8"}


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


@pytest.fixture
def client(server: HubServer, tmp_path: Path) -> Iterator[Client]:
    yield Client(server.url, tmp_path / "home")
    server.faults.clear()


@pytest.fixture(scope="module")
def published(server: HubServer, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> str:
    publisher = Client(server.url, tmp_path_factory.mktemp("publisher"))
    publisher.ok("push", shelf.deu.folder, "--repo", "org/deu")
    return server.repos["org/deu"].at().id


def tagged(server: HubServer, repo: str) -> None:
    """Publish a repo that a search for modules finds."""
    server.create(repo)
    server.commit(repo, {"README.md": b"---\ntags: [modular-sentence-encoders]\n---\n"})


@pytest.mark.usefixtures("published")
def test_no_answer_takes_more_than_its_bounds(server: HubServer, client: Client) -> None:
    tagged(server, "drip/deu")
    with HubServer(token="other") as elsewhere:
        faults = server.faults
        faults.drip("author=drip", 0.2, times=9)
        faults.flood("author=flood", times=9)
        faults.flood("author=packed", times=9, **{"Content-Encoding": "gzip"})
        faults.status("GET", "author=later", 429, times=9, **{"Retry-After": "864000"})
        faults.status("GET", "author=never", 503, times=9, **{"Retry-After": "9" * 5000})
        faults.status("GET", "author=soon", 429, times=2, RateLimit='"api";r=0;t=1', **{"Retry-After": "0"})
        faults.status("GET", "author=circle", 302, times=99, Location="/api/models?author=circle")
        faults.status("GET", "author=said", 400, times=9, **{"X-Error-Message": "word " * 9000})
        faults.add("author=away", Link=f'<{elsewhere.url}/api/models?page=2>; rel="next"', times=9)
        faults.add("author=round", Link=f'<{server.url}/api/models?author=round>; rel="next"', times=9)
        expected = {
            "drip": "takes more than 3 s",
            "flood": "sends more than the 16777216 bytes",
            "packed": "sends a compressed answer",
            "later": "answers 429: try again in 864000 s, as it asks",
            "never": "answers 503: try again",
            "soon": "found 0",
            "circle": "redirects in a circle",
            "said": "refused (400): word word",
            "away": f"has the next page at {elsewhere.url}/api/models?page=2, which is not the Hub",
            "round": "does not come to the end of its list",
            "org": "found 1",
        }
        done = client.run("-c", SEARCH, *expected, **QUICK)
        assert done.returncode == 0, done.stderr
        for line, (author, told) in zip(done.stdout.splitlines(), expected.items(), strict=True):
            assert line.startswith(f"{author}: ")
            assert told in line
            assert len(line) < 1000
        assert elsewhere.requests == []


def test_a_list_of_several_pages_is_read_to_its_end(server: HubServer, client: Client) -> None:
    for number in range(3):
        tagged(server, f"pages/n{number}")
    server.page = 2
    try:
        assert client.run("-c", SEARCH, "pages").stdout == "pages: found 3\n"
    finally:
        server.page = 1000


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("fault", "told"),
    [("flood", "sends more than the"), ("drip", "sends less than 1000 bytes per second")],
)
def test_a_file_that_does_not_come_to_its_end_is_given_up(
    server: HubServer, client: Client, fault: str, told: str
) -> None:
    where = rf"/resolve/.*{WEIGHTS}"
    if fault == "flood":
        server.faults.flood(where, times=9, method="GET")
    else:
        server.faults.drip(where, 0.2, times=9, method="GET")
    assert told in client.refused("fetch", "org/deu", **QUICK)
    assert sum(path.stat().st_size for path in client.home.rglob("*") if path.is_file()) < 4_000_000


def test_a_wait_without_end_ends_an_upload(server: HubServer, client: Client, shelf: Shelf) -> None:
    server.faults.status("PUT", "/lfs/", 429, times=1000, **{"Retry-After": "99999"})
    line = client.refused("push", shelf.kaz.folder, "--repo", "later/kaz")
    assert "answers 429: try again in 99999 s, as it asks" in line


def test_a_token_does_not_follow_an_upload_to_another_host(server: HubServer, client: Client, shelf: Shelf) -> None:
    with HubServer() as elsewhere:
        server.verifier = elsewhere.url
        try:
            line = client.refused("push", shelf.kaz.folder, "--repo", "away/kaz")
        finally:
            server.verifier = None
        assert f"{elsewhere.url.removeprefix('http://')}, which is not the Hub: your token is not sent there" in line
        assert elsewhere.tokens == set()


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("proxy", "told"), [("socks5h://127.0.0.1:1", "pip install 'httpx2[socks]'"), ("ftp://x:1", "allow no connection")]
)
def test_a_proxy_that_cannot_be_used_is_told(client: Client, proxy: str, told: str) -> None:
    if "socks" in told and importlib.util.find_spec("socksio"):
        pytest.skip("socksio is there")
    done = client.command("fetch", "org/deu", ALL_PROXY=proxy, NO_PROXY="", no_proxy="")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_hub_refuses_leaves_no_repo(server: HubServer, client: Client, shelf: Shelf) -> None:
    line = client.refused("push", shelf.deu.folder, "--repo", "refused/deu", "--license", "my own")
    assert "license" in line
    assert "refused/deu" not in server.repos


def test_a_card_that_is_no_yaml_leaves_no_repo(server: HubServer, client: Client, shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    (folder / "README.md").write_text("---\nlicense: [mit\n---\n# German\n", encoding="utf-8")
    assert "not valid YAML" in client.refused("push", folder, "--repo", "refused/deu")
    assert "refused/deu" not in server.repos


@pytest.mark.parametrize(
    "facts", [3, {}, {"id": "gpt2"}, {"id": "../x"}, {"id": "a/b", "lastModified": "now"}, {"id": "a/b", "tags": 1}]
)
def test_an_entry_of_a_list_that_is_none_hides_no_other(facts: object) -> None:
    assert _listing(facts) is None
    assert _listing({"id": "a/b", "tags": ["x"]}) == Listing("a/b", "", "", ("x",))


def test_patience_is_a_number_of_seconds(client: Client) -> None:
    assert "MSE_HUB_PATIENCE is 'long'" in client.refused("list", MSE_HUB_PATIENCE="long")


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"RateLimit": '"api";r=0;t=55', "Retry-After": "3"}, 55),
        (429, {"RateLimit": '"api";r=9;t=55', "Retry-After": "3"}, 3),
        (429, {"RateLimit": '"api";r=9;t=55'}, None),
        (503, {"Retry-After": "120"}, 120),
        (429, {"Retry-After": "soon"}, None),
        (429, {"RateLimit": f'"api";r=0;t={"9" * 5000}'}, None),
        (500, {}, None),
    ],
)
def test_how_long_to_wait_is_what_the_hub_asks(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert _asked_wait(httpx2.Response(status, headers=headers)) == seconds


def test_a_date_to_wait_for_is_taken() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    assert 60 < (_asked_wait(httpx2.Response(503, headers={"Retry-After": date})) or 0) <= 120
    past = httpx2.Response(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert _asked_wait(past) == 0


@pytest.mark.parametrize(
    ("url", "hubs"),
    [
        ("https://huggingface.co/api", True),
        ("https://HuggingFace.co:443/api", True),
        ("https://huggingface.co.evil.org/api", False),
        ("https://huggingface.co@evil.org/api", False),
        ("http://huggingface.co/api", False),
        ("https://huggingface.co:444/api", False),
    ],
)
def test_whose_an_address_is_says_its_host(url: str, hubs: bool) -> None:
    assert of_the_hub(url) == hubs
