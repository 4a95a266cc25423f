"""The real client of `huggingface_hub` against a loopback hub, each time in a separate process."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store

from adapters_hub.modules import LanguageModule
from tests.adapters_hub.conftest import Shelf
from tests.forked import run_python
from tests.hub_server import HubServer

WEIGHTS = "language_adapter/adapter_model.safetensors"
MANIFEST = "module.json"
BOTH = ["GET", "HEAD"]
ENCODE = """
import sys
import numpy as np
from adapters_hub import ModularEncoder
base, output, language, *modules = sys.argv[1:]
sentences = ["Guten Morgen!", "Wie geht es dir?"]
np.save(output, ModularEncoder(base, modules).encode(sentences, language, align=True))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with HubServer() as hub:
        yield hub


@dataclass
class Client:
    """Runs commands with a cache of its own."""

    url: str
    home: Path
    token: str = "hf_test"

    def run(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "MSE_HUB"))}
        own = {
            "HF_ENDPOINT": self.url,
            "HF_TOKEN": self.token,
            "HF_HOME": str(self.home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        return run_python(*arguments, env=inherited | own | environment)

    def command(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "adapters_hub", *arguments, **environment)

    def ok(self, *arguments: str | Path, **environment: str) -> str:
        done = self.command(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str | Path, **environment: str) -> str:
        """The single line of an error."""
        done = self.command(*arguments, **environment)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, done.stderr
        return lines[0]


@pytest.fixture
def client(server: HubServer, tmp_path: Path) -> Iterator[Client]:
    yield Client(server.url, tmp_path / "home")
    server.faults.clear()


def commit_of(output: str) -> str:
    return output.split("@")[1].split()[0]


def put(server: HubServer, repo: str, files: dict[str, bytes]) -> None:
    """Change a repo without the client's knowledge."""
    server.create(repo)
    server.commit(repo, files)


def damaged(shelf: Shelf, **changes: bytes) -> dict[str, bytes]:
    files = {
        path.relative_to(shelf.deu.folder).as_posix(): path.read_bytes()
        for path in shelf.deu.folder.rglob("*")
        if path.is_file()
    }
    return files | changes


def claiming(shelf: Shelf, module: LanguageModule) -> dict[str, bytes]:
    """A repo of another module whose card claims to be this one, since anyone can write a tag."""
    tag = f"fingerprint:{module.manifest.fingerprint[:16]}"
    card = f"---\ntags:\n- modular-sentence-encoders\n- {tag}\n---\n".encode()
    return damaged(shelf, **{"README.md": card})


def test_push_repush_list_fetch_and_compose_equals_the_local_vectors(
    server: HubServer, client: Client, shelf: Shelf, tmp_path: Path
) -> None:
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        client.ok("push", module.folder, "--repo", f"round/{module.manifest.name}")
    first = server.repos["round/deu"].at().id
    server.requests.clear()
    assert client.ok("push", shelf.deu.folder, "--repo", "round/deu").startswith("nothing new to send")
    assert not [path for method, path in server.requests if method == "PUT" or "/commit/" in path]
    client.ok("push", shelf.deu.folder, "--repo", "round/deu", "--license", "mit")
    assert server.repos["round/deu"].at().id != first

    user = Client(server.url, tmp_path / "user")
    listed = user.ok("list", "--author", "round", "--language", "deu")
    assert "round/deu-eng-both" in listed
    assert "round/eng " not in listed
    assert "licence           not stated" in user.ok("show", f"round/deu@{first}")
    assert user.ok("verify", "round/deu").startswith(f"sound: round/deu@{server.repos['round/deu'].at().id}")
    server.requests.clear()
    modules = ["round/eng", f"round/deu@{first}", "round/deu-eng-both"]
    done = user.run("-c", ENCODE, shelf.base.source, tmp_path / "vectors.npy", "deu", *modules)
    assert done.returncode == 0, done.stderr
    assert not [path for _, path in server.requests if "README.md" in path]
    local = shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder)
    expected = local.encode(["Guten Morgen!", "Wie geht es dir?"], "deu", align=True)
    assert np.array_equal(np.load(tmp_path / "vectors.npy"), expected)


@pytest.fixture(scope="module")
def published(server: HubServer, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repo that the tests only read."""
    publisher = Client(server.url, tmp_path_factory.mktemp("publisher"))
    return commit_of(publisher.ok("push", shelf.deu.folder, "--repo", "org/deu"))


def test_a_private_repo_needs_the_token(server: HubServer, client: Client, shelf: Shelf, tmp_path: Path) -> None:
    client.ok("push", shelf.eng.folder, "--repo", "secret/eng", "--private")
    assert server.repos["secret/eng"].private
    client.ok("fetch", "secret/eng")
    stranger = Client(server.url, tmp_path / "stranger", token="hf_other")
    assert "or it is private" in stranger.refused("fetch", "secret/eng")
    assert "secret/eng" not in stranger.ok("list")


def test_a_token_that_has_expired_is_told(server: HubServer, published: str, client: Client, tmp_path: Path) -> None:
    server.expired.add("hf_old")
    late = Client(server.url, tmp_path / "late", token="hf_old")
    assert "does not accept yours (401): run hf auth login" in late.refused("fetch", f"org/deu@{published}")


def test_a_private_module_is_not_on_the_page_of_its_organisation(
    server: HubServer, client: Client, shelf: Shelf
) -> None:
    client.ok("push", shelf.eng.folder, "--repo", "lab/eng")
    client.ok("push", shelf.kaz.folder, "--repo", "lab/kaz", "--private")
    done = client.command("index", "lab")
    assert "lab/eng" in done.stdout
    assert "lab/kaz" not in done.stdout
    assert "lab/kaz is left out: it is private" in done.stderr


@pytest.mark.parametrize("name", ["pytorch_model.bin", "adapter_model.safetensors"])
def test_a_repo_of_something_else_is_left_as_it_is(server: HubServer, client: Client, shelf: Shelf, name: str) -> None:
    repo = f"model/{name.partition('.')[0]}"
    put(server, repo, {name: b"x", "README.md": b"# Mine"})
    for options in ((), ("--dry-run",), ("--revision", "next")):
        assert f"{repo} holds '{name}'" in client.refused("push", shelf.eng.folder, "--repo", repo, *options)
    assert server.repos[repo].at().files["README.md"] == b"# Mine"


def test_a_commit_whose_answer_was_lost_is_found_and_told(server: HubServer, client: Client, shelf: Shelf) -> None:
    server.faults.drop("/commit/", times=1)
    told = client.ok("push", shelf.eng.folder, "--repo", "lost/eng")
    assert told.startswith(f"published: lost/eng@{server.repos['lost/eng'].at().id}")
    assert len(server.repos["lost/eng"].commits) == 2  # the initial commit of every repo, and this one


def test_an_upload_that_fails_is_told_with_what_the_hub_answers(
    server: HubServer, client: Client, shelf: Shelf
) -> None:
    server.faults.status("PUT", "/lfs/", 413, times=1000)
    assert "refused (413): status 413 on demand" in client.refused("push", shelf.eng.folder, "--repo", "busy/eng")


def test_an_adapters_card_links_a_module_and_not_what_claims_to_be_it(
    server: HubServer, client: Client, shelf: Shelf
) -> None:
    put(server, "kazakh/claims", claiming(shelf, shelf.kaz))
    client.ok("push", shelf.kaz_parallel.folder, "--repo", "kazakh/aligned")
    assert b"kazakh/claims" not in server.repos["kazakh/aligned"].at().files["README.md"]
    client.ok("push", shelf.kaz.folder, "--repo", "kazakh/module")
    client.ok("push", shelf.kaz_parallel.folder, "--repo", "kazakh/aligned")
    assert b"[kazakh/module](" in server.repos["kazakh/aligned"].at().files["README.md"]


def test_a_gated_repo_that_claims_to_be_a_module_does_not_stop_a_push(
    server: HubServer, client: Client, shelf: Shelf
) -> None:
    put(server, "a/gated", claiming(shelf, shelf.eng))
    server.faults.status("GET|HEAD", "/a/gated/resolve/", 403, times=1000, **{"X-Error-Code": "GatedRepo"})
    done = client.command("push", shelf.kaz_parallel.folder, "--repo", "gates/aligned", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "a/gated" not in done.stderr


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("damage", [lambda content: content[:100], lambda content: content[:-1] + b"\x7f"])
def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(
    server: HubServer, client: Client, damage: Callable[[bytes], bytes]
) -> None:
    weights = Path(client.ok("fetch", "org/deu").strip()) / WEIGHTS
    good = weights.read_bytes()
    weights.resolve().write_bytes(damage(good))
    server.stop()
    try:
        assert WEIGHTS in client.refused("verify", "org/deu")
    finally:
        server.start()
    server.requests.clear()
    done = client.command("verify", "org/deu")
    assert "fetched again from the hub" in done.stderr
    assert done.stdout.startswith("sound")
    assert weights.read_bytes() == good
    assert len([path for method, path in server.requests if method == "GET" and "/resolve/" in path]) == 1


def test_a_manifest_that_was_damaged_in_the_cache_is_fetched_again(published: str, client: Client) -> None:
    manifest = Path(client.ok("fetch", "org/deu").strip()) / "module.json"
    good = manifest.read_bytes()
    for address, damaged in (
        ("org/deu", good[:100]),
        ("org/deu", good.replace(b'"fingerprint": "', b'"fingerprint": "x')),
        (f"org/deu@{published}", good[:100]),
    ):
        manifest.resolve().write_bytes(damaged)
        done = client.command("fetch", address)
        assert done.returncode == 0, done.stderr
        assert "fetched again from the hub" in done.stderr
        assert manifest.read_bytes() == good


@pytest.mark.usefixtures("published")
def test_a_file_that_lies_in_the_store_of_all_repos_is_used_and_mended(client: Client) -> None:
    folder = Path(client.ok("fetch", "org/deu").strip())
    cache = client.home / "hub"
    for name in ("module.json", WEIGHTS):
        blob = (folder / name).readlink()
        blob = (folder / name).parent / blob
        stored = publish_blob_to_shared_store(
            blob_path=os.path.normpath(blob),
            xet_hash=hashlib.sha256(name.encode()).hexdigest(),
            cache_dir=cache,
            expected_size=blob.stat().st_size,
        )
        assert stored
        assert (folder / name).resolve().is_relative_to(cache / "blobs")
    assert "fetched again from the hub" not in client.command("fetch", "org/deu").stderr
    store = (folder / WEIGHTS).resolve()
    good = store.read_bytes()
    store.chmod(0o600)
    store.write_bytes(good[:-1] + b"\x01")
    client.ok("fetch", "org/deu")
    assert (folder / WEIGHTS).read_bytes() == good


@pytest.mark.usefixtures("published")
def test_without_symbolic_links_a_damaged_file_is_fetched_again(client: Client) -> None:
    plain = {"HF_HUB_DISABLE_SYMLINKS": "1"}
    folder = Path(client.ok("fetch", "org/deu", **plain).strip())
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    good = {name: (folder / name).read_bytes() for name in (WEIGHTS, "module.json")}
    for name, content in good.items():
        (folder / name).write_bytes(content[:-2] + b"\x7f\x7f")
    client.ok("fetch", "org/deu", **plain)
    assert {name: (folder / name).read_bytes() for name in good} == good


def test_a_cache_that_was_poisoned_once_is_mended(
    server: HubServer, client: Client, shelf: Shelf, tmp_path: Path
) -> None:
    """If HEAD is faked too, it reports the digest of the wrong content, so the client cannot detect the fake."""
    client.ok("push", shelf.kaz.folder, "--repo", "poison/kaz", "--license", "mit")
    for number, (name, methods) in enumerate(
        [(WEIGHTS, ["GET"]), (WEIGHTS, BOTH), (MANIFEST, ["GET"]), (MANIFEST, BOTH)]
    ):
        good = server.repos["poison/kaz"].at().files[name]
        bad = good[:-9] + bytes(9) if name == WEIGHTS else good.replace(b'"license": "mit"', b'"license": "tim"')
        assert len(bad) == len(good)
        where = rf"poison/kaz/resolve/.*{name}"
        server.faults.replace(where, bad, times=len(methods), method="|".join(methods))
        done = Client(server.url, tmp_path / str(number)).command("fetch", "poison/kaz")
        assert done.returncode == 0, done.stderr
        assert (Path(done.stdout.strip()) / name).read_bytes() == good
        assert "fetched again from the hub" in done.stderr


@pytest.mark.usefixtures("published")
def test_a_note_of_what_was_fetched_that_is_damaged_is_no_note(server: HubServer, client: Client) -> None:
    client.ok("fetch", "org/deu")
    note = next(path for path in (client.home / "modular-sentence-encoders").rglob("*") if path.is_file())
    server.stop()
    try:
        note.write_bytes(b"\xff\xfe../../..")
        assert "no whole copy of org/deu was fetched before" in client.refused("fetch", "org/deu")
    finally:
        server.start()


def test_other_files_in_a_modules_repo_are_ignored(server: HubServer, client: Client, shelf: Shelf) -> None:
    names = ["train.ipynb", "CITATION.cff", "map.jpeg", "docs/a b.pdf", "results.csv", ".gitattributes", "eval.json"]
    put(server, "plain/deu", damaged(shelf, **dict.fromkeys(names, b"x")))
    server.requests.clear()
    client.ok("fetch", "plain/deu")
    asked = " ".join(path for _, path in server.requests)
    assert not any(name in asked for name in names)
    client.ok("push", shelf.deu.folder, "--repo", "plain/deu", "--license", "mit")
    assert server.repos["plain/deu"].at().files["train.ipynb"] == b"x"


@pytest.mark.usefixtures("published")
def test_a_damaged_manifest_in_the_cache_hides_no_other_module(client: Client, shelf: Shelf) -> None:
    (Path(client.ok("fetch", "org/deu").strip()) / "module.json").resolve().write_bytes(b"{")
    assert "holds the module 'deu', not 'eng'" in client.refused("push", shelf.eng.folder, "--repo", "org/deu")


@pytest.mark.usefixtures("published")
def test_a_login_page_in_between_is_not_the_hub(server: HubServer, client: Client) -> None:
    client.ok("fetch", "org/deu")
    server.pretend = b"<html>Welcome</html>"
    try:
        done = client.command("verify", "org/deu")
        line = client.refused("list")
    finally:
        server.pretend = None
    assert "is not the Hub: look for a proxy or a login page" in line
    assert "is not the Hub" in done.stderr
    assert done.stdout.startswith("sound")


@pytest.mark.usefixtures("published")
def test_a_disk_that_cannot_be_written_is_not_taken_for_the_network(client: Client, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = client.refused("fetch", "org/deu", HF_HOME=str(tmp_path / "file"))
    assert f"{tmp_path / 'file'}" in line
    assert "cannot be reached" not in line
    done = client.command("fetch", "org/deu", HF_HOME=str(tmp_path / "file"), HF_HUB_CACHE=str(tmp_path / "hub"))
    assert done.returncode == 0, done.stderr
    assert "was not written" in done.stderr


@pytest.mark.usefixtures("published")
def test_a_cut_connection_is_mended_and_no_half_file_is_used(server: HubServer, client: Client) -> None:
    server.faults.cut(rf"/resolve/.*{WEIGHTS}", after_bytes=1000, times=2)
    assert client.ok("verify", "org/deu").startswith("sound")


@pytest.mark.usefixtures("published")
def test_a_hub_that_fails_for_a_moment_is_asked_again(server: HubServer, client: Client) -> None:
    server.faults.status("GET", r"/api/models/org/deu", 500, times=2)
    assert client.ok("verify", "org/deu").startswith("sound")


@pytest.mark.usefixtures("published")
def test_a_hub_that_does_not_answer_in_time_is_asked_again(server: HubServer, client: Client) -> None:
    server.faults.delay(r"/api/models/org/deu", seconds=3, times=1)
    done = client.command("fetch", "org/deu", HF_HUB_ETAG_TIMEOUT="1")
    assert done.returncode == 0, done.stderr
    assert "did not answer in time; trying again" in done.stderr


@pytest.mark.usefixtures("published")
def test_an_adapter_is_fetched_without_the_module_it_belongs_to(
    server: HubServer, client: Client, shelf: Shelf
) -> None:
    client.ok("push", shelf.deu_both.folder, "--repo", "org/deu-eng-both")
    server.requests.clear()
    client.ok("fetch", "org/deu-eng-both")
    fetched = {path.partition("/resolve/")[2].partition("/")[2] for method, path in server.requests if method == "GET"}
    assert fetched - {""} == {"module.json", "adapter_config.json", "adapter_model.safetensors"}


@pytest.mark.usefixtures("published")
def test_a_hub_that_keeps_failing_is_told_in_one_line(server: HubServer, client: Client) -> None:
    server.faults.status("GET", r"/api/models/org/deu", 500, times=1000)
    line = client.refused("fetch", "org/deu", MSE_HUB_PATIENCE="1")
    assert "answers 500" in line
    assert "no whole copy of org/deu was fetched before" in line


def test_without_the_hub_the_cache_serves_and_names_the_commit(
    server: HubServer, published: str, client: Client
) -> None:
    client.ok("fetch", "org/deu")
    server.stop()
    try:
        done = client.command("verify", "org/deu")
        missing = client.refused("fetch", "org/kaz")
        pinned = client.command("show", f"org/deu@{published}")
    finally:
        server.start()
    assert done.returncode == 0, done.stderr
    assert (pinned.returncode, pinned.stderr) == (0, "")  # a commit never changes: the Hub is not asked
    assert f"using what was fetched before: org/deu@{published}" in done.stderr
    assert "no whole copy of org/kaz was fetched before" in missing
    assert client.ok("verify", "org/deu", HF_HUB_OFFLINE="1").startswith(f"sound: org/deu@{published}")
    assert "is not asked while HF_HUB_OFFLINE is set" in client.refused("list", HF_HUB_OFFLINE="1")


def test_a_commit_whose_files_do_not_arrive_leaves_the_one_before_in_use(
    server: HubServer, client: Client, shelf: Shelf
) -> None:
    client.ok("push", shelf.kaz.folder, "--repo", "late/kaz")
    before = Path(client.ok("fetch", "late/kaz").strip())
    client.ok("push", shelf.kaz.folder, "--repo", "late/kaz", "--license", "mit")
    server.faults.status("GET|HEAD", "/late/kaz/resolve/", 500, times=1000)
    done = client.command("fetch", "late/kaz", MSE_HUB_PATIENCE="1")
    assert done.stdout == f"{before}\n"
    assert f"using what was fetched before: late/kaz@{before.name}" in done.stderr


def test_what_does_not_exist_is_told(published: str, client: Client) -> None:
    assert "nobody/nothing is not on" in client.refused("show", "nobody/nothing")
    assert "not this revision" in client.refused("show", "org/deu@v9")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling.py"])
def test_a_planted_file_is_refused_before_anything_is_fetched(
    server: HubServer, client: Client, shelf: Shelf, name: str
) -> None:
    repo = f"planted/{name.partition('.')[0]}"
    put(server, repo, damaged(shelf, **{name: b"\x80\x04."}))
    server.requests.clear()
    assert f"holds '{name}'" in client.refused("fetch", repo)
    assert not [path for _, path in server.requests if ".safetensors" in path]


def test_swapped_and_tampered_files_are_refused_by_name(server: HubServer, client: Client, shelf: Shelf) -> None:
    weights = (shelf.deu.folder / WEIGHTS).read_bytes()
    put(server, "bad/weights", damaged(shelf, **{WEIGHTS: weights[:-1] + bytes([weights[-1] ^ 1])}))
    assert f"'{WEIGHTS}' is not what the manifest says (SHA-256)" in client.refused("verify", "bad/weights")
    tokenizer = (shelf.kaz.folder / "tokenizer.json").read_bytes()
    put(server, "bad/tokenizer", damaged(shelf, **{"tokenizer.json": tokenizer}))
    assert "'tokenizer.json' has" in client.refused("verify", "bad/tokenizer")


def test_a_manifest_that_leaves_the_folder_is_refused(server: HubServer, client: Client, shelf: Shelf) -> None:
    manifest = json.loads((shelf.deu.folder / "module.json").read_text(encoding="utf-8"))
    manifest["files"]["../../escaped"] = {"size": 1, "sha256": "0" * 64}
    put(server, "bad/paths", damaged(shelf, **{"module.json": json.dumps(manifest).encode()}))
    assert "'../../escaped' leaves the module folder" in client.refused("fetch", "bad/paths")


def test_two_pushes_at_once_leave_the_files_of_one(
    server: HubServer, client: Client, shelf: Shelf, tmp_path: Path
) -> None:
    other = Client(server.url, tmp_path / "other")
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(own.ok, "push", shelf.kaz.folder, "--repo", "race/kaz", "--license", license)
            for own, license in ((client, "mit"), (other, "apache-2.0"))
        ]
        assert all("published" in job.result() for job in jobs)
    files = server.repos["race/kaz"].at().files
    license = json.loads(files["module.json"])["license"]
    assert f"license: {license}\n" in files["README.md"].decode()
    assert client.ok("verify", "race/kaz").startswith("sound")
