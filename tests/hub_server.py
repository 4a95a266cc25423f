"""A stand-in for the Hugging Face Hub: the HTTP that huggingface_hub speaks, on 127.0.0.1, with faults on demand.

Point the `HF_ENDPOINT` of a subprocess at `HubServer().url`, with `HF_HUB_DISABLE_XET=1`: both are read at import.
By hand: `python -m tests.hub_server --port 8321`.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import itertools
import json
import math
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

LFS_BYTES = 100_000  # the Hub's own limit is 10 MB: tests should reach the LFS path with small files
LICENSES = {"apache-2.0", "mit", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "openrail", "unlicense", "other", "unknown"}
LICENSES |= {f"cc-by-{kind}4.0" for kind in ("", "sa-", "nc-", "nd-", "nc-sa-", "nc-nd-")}
ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"


def is_lfs(path: str, size: int) -> bool:
    """Whether the Hub keeps a file out of git. Empty files are regular: the client insists on it."""
    return size > 0 and (size >= LFS_BYTES or path.endswith(".safetensors"))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def etag(path: str, content: bytes) -> str:
    """What the client names a blob in its cache by: sha256 of an LFS file, git's blob id of a regular one."""
    return _sha256(content) if is_lfs(path, len(content)) else _blob_id(content)


class Refused(Exception):
    """An answer that is an error; `code` is what the client picks its exception class by."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        header = message.encode("ascii", "replace").decode()  # a path in it may be in any script
        self.headers = {"X-Error-Message": header, **({"X-Error-Code": code} if code else {}), **headers}


@dataclass(frozen=True)
class Commit:
    """A state of all files of a repo."""

    id: str
    parent: str | None
    message: str
    description: str
    date: str
    files: dict[str, bytes]


@dataclass
class Repo:
    """A model repo: `commits` in the order made, `refs` from branch and `tags` from tag to commit id."""

    id: str
    private: bool = False
    commits: list[Commit] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)  # LFS store: sha256 to content
    granted: set[str] = field(default_factory=set)  # sha256 that may be PUT without a token, as to a signed address

    def at(self, revision: str = "main") -> Commit:
        """The commit that a branch, a tag or a full commit id names."""
        commit_id = self.refs.get(revision) or self.tags.get(revision) or revision
        for commit in self.commits:
            if commit.id == commit_id:
                return commit
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def record(self, branch: str, files: dict[str, bytes], message: str, description: str = "") -> Commit:
        """Move a branch to `files`; where nothing changes, its head stays and is returned."""
        head = self.at(self.refs[branch]) if branch in self.refs else None
        if head is not None and files == head.files:
            return head
        parent = head.id if head else None
        # Clients keep files by commit id: it must differ between servers whose files differ, as they may share a cache.
        blobs = sorted((path, _blob_id(content)) for path, content in files.items())
        listing = json.dumps([self.id, len(self.commits), parent, message, blobs])
        date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")  # whole seconds, as git has them
        commit = Commit(_blob_id(listing.encode()), parent, message, description, date, files)
        self.commits.append(commit)
        self.refs[branch] = commit.id
        self.objects |= {_sha256(content): content for path, content in files.items() if is_lfs(path, len(content))}
        return commit


# What the Hub reads out of a model card.


def _listed(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [] if value is None else [value])]


def _card_block(text: str) -> Any:
    block = re.match(r"\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", text, re.DOTALL)
    return yaml.safe_load(block[1]) if block else None


def card_data(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The metadata of `README.md`, empty where there is none that can be read."""
    try:
        card = _card_block(files.get("README.md", b"").decode(errors="replace"))
    except yaml.YAMLError:
        return {}
    return card if isinstance(card, dict) else {}


def library(card: dict[str, Any], files: Mapping[str, bytes]) -> str | None:
    """What the card says, or what the files look like."""
    return card.get("library_name") or ("peft" if "adapter_config.json" in files else None)


def derived_tags(card: dict[str, Any], files: Mapping[str, bytes]) -> list[str]:
    """The tags that a repo can be found by."""
    adapter = "adapter_config.json" in files or library(card, files) == "peft"
    relation = card.get("base_model_relation") or ("adapter" if adapter else "finetune")
    bases, tags = _listed(card.get("base_model")), _listed(library(card, files))
    tags += ["safetensors"] if any(path.endswith(".safetensors") for path in files) else []
    tags += _listed(card.get("pipeline_tag")) + _listed(card.get("tags")) + _listed(card.get("language"))
    tags += [f"dataset:{name}" for name in _listed(card.get("datasets"))]
    tags += [f"base_model:{base}" for base in bases] + [f"base_model:{relation}:{base}" for base in bases]
    tags += [f"license:{name}" for name in _listed(card.get("license"))]
    return list(dict.fromkeys([*tags, "region:us"]))


def card_errors(card: Any) -> Iterator[str]:
    """Why the Hub would refuse the metadata of a card."""
    if not isinstance(card, dict):
        yield "the metadata must be a mapping"
        return
    for name in _listed(card.get("license")):
        if name not in LICENSES:
            yield f'"license" must be one of {", ".join(sorted(LICENSES))}: found {name!r}'
    for code in _listed(card.get("language")):
        if not re.fullmatch("[a-z]{2,3}|code|multilingual", code):
            yield f'"language" must be ISO 639 codes of two or three letters, "code" or "multilingual": found {code!r}'
    for base in _listed(card.get("base_model")):
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", base):
            yield f'"base_model" must be a model id: found {base!r}'
    for i, model in enumerate(card.get("model-index") or []):
        if not model.get("name"):
            yield f'"model-index[{i}].name" is required'
        for j, result in enumerate(model.get("results") or []):
            where = f"model-index[{i}].results[{j}]"
            for part, key in (("task", "type"), ("dataset", "type"), ("dataset", "name")):
                if not (result.get(part) or {}).get(key):
                    yield f'"{where}.{part}.{key}" is required'
            for k, metric in enumerate(result.get("metrics") or [{}]):
                for key in ("type", "value"):
                    if metric.get(key) is None:
                        yield f'"{where}.metrics[{k}].{key}" is required'


# Faults.


@dataclass
class _Rule:
    method: re.Pattern[str]
    path: re.Pattern[str]
    times: float
    value: Any


class Gate:
    """Holds the requests it matches: `waiting` is set as soon as one has come, `open()` lets all of them on."""

    def __init__(self) -> None:
        self.waiting = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        """Let the held requests and all later ones through."""
        self._opened.set()

    def hold(self) -> None:
        """Wait for `open()`, in the thread of a request."""
        if not self._opened.is_set():
            self.waiting.set()
            self._opened.wait()


class Faults:
    """What goes wrong. A path pattern is searched in the path and query as sent, a method pattern matches whole."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: dict[str, list[_Rule]] = {}

    def _add(self, kind: str, method: str, path: str, times: float, value: Any) -> None:
        with self._lock:
            self._rules.setdefault(kind, []).append(_Rule(re.compile(method), re.compile(path), times, value))

    def take(self, kind: str, method: str, path: str) -> Any:
        """Value of the first rule of a kind that is not used up, None where there is none."""
        with self._lock:
            for rule in self._rules.get(kind, ()):
                if rule.times > 0 and rule.method.fullmatch(method) and rule.path.search(path):
                    rule.times -= 1
                    return rule.value
        return None

    def gates(self, method: str, path: str) -> list[Gate]:
        """All gates on the way of a request."""
        with self._lock:
            rules = self._rules.get("gate", ())
            return [rule.value for rule in rules if rule.method.fullmatch(method) and rule.path.search(path)]

    def clear(self) -> None:
        """Take all faults back and open all gates."""
        with self._lock:
            rules, self._rules = self._rules, {}
        for rule in rules.get("gate", ()):
            rule.value.open()

    def status(self, method: str, path: str, status: int, times: float = 1, **headers: str) -> None:
        """Answer with `status` and do nothing; `**{"Retry-After": "2"}` adds a header."""
        self._add("status", method, path, times, (status, headers))

    def cut(self, path: str, after_bytes: int, times: float = 1, method: str = "GET|POST|PUT|DELETE") -> None:
        """Do what is asked, promise the whole body, and close the connection after `after_bytes` of it."""
        self._add("cut", method, path, times, after_bytes)

    def drop(self, path: str, times: float = 1, method: str = ".*") -> None:
        """Do what is asked and close the connection without a word: a commit whose answer is lost."""
        self._add("drop", method, path, times, True)

    def delay(self, path: str, seconds: float, times: float = 1, method: str = ".*") -> None:
        """Wait before anything is done."""
        self._add("delay", method, path, times, seconds)

    def replace(self, path: str, body: bytes, times: float = math.inf, method: str = "GET|HEAD") -> None:
        """Serve `body`, with its ETag, as a file under `/resolve/`; with "GET" alone, HEAD still tells the truth."""
        self._add("replace", method, path, times, body)

    def gate(self, path: str, method: str = ".*") -> Gate:
        """Hold requests before anything is done, until the gate is opened."""
        gate = Gate()
        self._add("gate", method, path, math.inf, gate)
        return gate


# The endpoints. Each runs under the lock of the server, so that a commit is atomic.


@dataclass
class Call:
    """A request; `path` and `url` (with the query) are as sent, `args` are the parts of the path, unquoted."""

    method: str
    url: str
    headers: Message
    body: bytes
    args: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query)

    @property
    def token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def flag(self, name: str) -> bool:
        return self.query.get(name, [""])[0].lower() in ("1", "true")


@dataclass
class Answer:
    """Status, body and headers to send."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Endpoint = Callable[["HubServer", Call], Answer]
_ROUTES: list[tuple[str, re.Pattern[str], bool, Endpoint]] = []
_REPO = "(?P<repo>[^/]+/[^/]+)"
_MODEL = f"/api/models/{_REPO}"
_REVISION = "(?P<revision>[^/]+)"
_HARNESSES = "/api/agent-harnesses"  # the client asks once a day and HF_HOME: no part of what a test is about


def _route(method: str, path: str, write: bool = False) -> Callable[[Endpoint], Endpoint]:
    def register(endpoint: Endpoint) -> Endpoint:
        _ROUTES.append((method, re.compile(path), write, endpoint))
        return endpoint

    return register


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value, default=str).encode(), {"Content-Type": "application/json"})


def _facts(repo: Repo, commit: Commit, blobs: bool = False) -> dict[str, Any]:
    card, siblings = card_data(commit.files), []
    for path, content in sorted(commit.files.items()):
        sibling: dict[str, Any] = {"rfilename": path}
        if blobs:
            entry = _entry(path, content)
            sibling |= {"size": entry["size"], "blobId": entry["oid"]}
            if "lfs" in entry:
                sibling["lfs"] = {**entry["lfs"], "sha256": entry["lfs"]["oid"]}
        siblings.append(sibling)
    facts: dict[str, Any] = {"id": repo.id, "modelId": repo.id, "author": repo.id.split("/")[0], "sha": commit.id}
    facts |= {"tags": derived_tags(card, commit.files), "lastModified": commit.date, "private": repo.private}
    facts |= {"createdAt": repo.commits[0].date, "gated": False, "disabled": False, "downloads": 0, "likes": 0}
    facts |= {"siblings": siblings, "cardData": card or None, "model-index": card.get("model-index")}
    facts |= {"pipeline_tag": card.get("pipeline_tag"), "library_name": library(card, commit.files)}
    return {key: value for key, value in facts.items() if value is not None}


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": _blob_id(content)}
    if is_lfs(path, len(content)):  # git itself has but a pointer to it
        digest, size = _sha256(content), len(content)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n".encode()
        entry |= {"oid": _blob_id(pointer), "lfs": {"oid": digest, "size": size, "pointerSize": len(pointer)}}
    return entry


def _entries(commit: Commit, folder: str, recursive: bool) -> list[dict[str, Any]]:
    prefix, entries = f"{folder}/" if folder else "", {}
    for path, content in sorted(commit.files.items()):
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            parent = prefix + "/".join(parts[:depth])
            oid = _blob_id(parent.encode())
            entries[parent] = {"type": "directory", "path": parent, "size": 0, "oid": oid}
        if recursive or len(parts) == 1:
            entries[path] = _entry(path, content)
    if folder and not entries:
        raise Refused(404, f"{folder} does not exist", "EntryNotFound")
    return list(entries.values())


@_route("GET", _HARNESSES)
def _harnesses(hub: HubServer, call: Call) -> Answer:
    return _json({"standardEnvVars": [], "harnesses": {}})


@_route("GET", "/api/whoami-v2")
def _whoami(hub: HubServer, call: Call) -> Answer:
    if call.token != hub.token:
        raise Refused(401, "Invalid username or password.")
    access = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
    return _json({"type": "user", "id": "0", "name": hub.user, "fullname": hub.user, "orgs": [], "auth": access})


@_route("POST", "/api/repos/create", write=True)
def _create(hub: HubServer, call: Call) -> Answer:
    asked = json.loads(call.body)
    if asked.get("type") not in (None, "model"):
        raise Refused(400, "only model repos are served here")
    repo_id = f"{asked.get('organization') or hub.user}/{asked['name']}"
    url = f"{hub.url}/{repo_id}"
    if repo_id in hub.repos:
        return _json({"error": "You already created this model repo", "url": url}, 409)
    hub.create(repo_id, private=asked.get("visibility") == "private")
    return _json({"url": url, "name": repo_id, "id": repo_id})


@_route("POST", "/api/validate-yaml")
def _validate(hub: HubServer, call: Call) -> Answer:
    try:
        card = _card_block(json.loads(call.body)["content"])
    except yaml.YAMLError as error:
        errors = [f"the metadata is not valid YAML: {' '.join(str(error).split())}"]
        return _json({"errors": [{"message": message} for message in errors], "warnings": []}, 400)
    if not card:
        return _json({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
    found = [{"message": message} for message in card_errors(card)]
    return _json({"errors": found, "warnings": []}, 400 if found else 200)


@_route("GET", "/api/models")
def _list(hub: HubServer, call: Call) -> Answer:
    query, found = call.query, []
    wanted = {tag for given in query.get("filter", []) for tag in given.split(",")} | set(query.get("pipeline_tag", []))
    # The Hub leaves author, sha and date out of a plain listing: code that needs them has to ask.
    keys = {"id", "modelId", "private", "tags", "pipeline_tag", "library_name", "createdAt", "downloads", "likes"}
    keys |= {"author", "sha", "lastModified", "gated", "disabled", "siblings"} if call.flag("full") else set()
    keys |= {"cardData"} if call.flag("cardData") else set()
    keys = {"id", *query["expand"]} if "expand" in query else keys
    for repo in hub.repos.values():
        facts = _facts(repo, repo.at())
        author, search = query.get("author", [facts["author"]])[0], query.get("search", [""])[0]
        seen = not repo.private or call.token == hub.token
        if seen and author == facts["author"] and search.lower() in repo.id.lower() and wanted <= set(facts["tags"]):
            found.append(facts)
    limit = int(query.get("limit", ["1000"])[0])
    return _json([{key: value for key, value in facts.items() if key in keys} for facts in found[:limit]])


@_route("GET", f"{_MODEL}(?:/revision/{_REVISION})?")
def _info(hub: HubServer, call: Call) -> Answer:
    repo = hub.repo(call)
    facts = _facts(repo, repo.at(call.args.get("revision", "main")), blobs=call.flag("blobs"))
    expand = call.query.get("expand")
    return _json({key: facts[key] for key in facts if key in ("id", *expand)} if expand else facts)


@_route("GET", f"{_MODEL}/tree/{_REVISION}(?:/(?P<path>.+))?")
def _tree(hub: HubServer, call: Call) -> Answer:
    commit = hub.repo(call).at(call.args["revision"])
    return _json(_entries(commit, call.args.get("path", "").strip("/"), call.flag("recursive")))


@_route("GET", f"{_MODEL}/commits/{_REVISION}")
def _commits(hub: HubServer, call: Call) -> Answer:
    repo, listed = hub.repo(call), []
    commit: Commit | None = repo.at(call.args["revision"])
    while commit is not None:
        entry = {"id": commit.id, "title": commit.message, "message": commit.description, "date": commit.date}
        listed.append({**entry, "authors": [{"user": hub.user}]})
        commit = repo.at(commit.parent) if commit.parent else None
    return _json(listed)


@_route("GET", f"{_MODEL}/refs")
def _refs(hub: HubServer, call: Call) -> Answer:
    repo = hub.repo(call)

    def named(kind: str, refs: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit} for name, commit in refs.items()]

    branches, tags = named("heads", repo.refs), named("tags", repo.tags)
    return _json({"branches": branches, "tags": tags, "converts": [], "pullRequests": []})


@_route("POST", f"{_MODEL}/(?P<kind>branch|tag)/{_REVISION}", write=True)
def _ref(hub: HubServer, call: Call) -> Answer:
    repo, asked, name = hub.repo(call), json.loads(call.body), call.args["revision"]
    refs, start = repo.refs, asked.get("startingPoint", "main")
    if call.args["kind"] == "tag":  # here the path has the start and the body the name
        refs, start, name = repo.tags, name, asked["tag"]
    if name in refs:
        raise Refused(409, f"Reference already exists: {name}")
    refs[name] = repo.at(start).id
    return _json({})


@_route("POST", f"{_MODEL}/preupload/{_REVISION}", write=True)
def _preupload(hub: HubServer, call: Call) -> Answer:
    current, answers = hub.repo(call).at(call.args["revision"]).files, []
    for file in json.loads(call.body)["files"]:
        path = file["path"]
        mode = "lfs" if is_lfs(path, file["size"]) else "regular"
        known = {"oid": etag(path, current[path])} if path in current else {}
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **known})
    return _json({"files": answers})


@_route("POST", rf"/{_REPO}\.git/info/lfs/objects/batch", write=True)
def _lfs_batch(hub: HubServer, call: Call) -> Answer:
    repo, objects = hub.repo(call), []
    for asked in json.loads(call.body)["objects"]:
        action = {"href": f"{hub.url}/lfs/{repo.id}/{asked['oid']}"}
        there = asked["oid"] in repo.objects
        repo.granted.add(asked["oid"])
        objects.append({**asked, **({} if there else {"actions": {"upload": action, "verify": action}})})
    return _json({"transfer": "basic", "objects": objects})


@_route("PUT", f"/lfs/{_REPO}/(?P<oid>[0-9a-f]+)")
def _lfs_put(hub: HubServer, call: Call) -> Answer:
    oid, repo = call.args["oid"], hub.repos.get(call.args["repo"])
    if repo is None or oid not in repo.granted:
        raise Refused(403, "this address was not given out for an upload")
    hub.sent[f"{repo.id}/{oid}"] += len(call.body)
    if _sha256(call.body) != oid:
        raise Refused(400, "the content does not have the sha256 that was announced")
    repo.objects[oid] = call.body
    return Answer(200, b"")


@_route("POST", f"/lfs/{_REPO}/(?P<oid>[0-9a-f]+)", write=True)
def _lfs_verify(hub: HubServer, call: Call) -> Answer:
    content = hub.repo(call).objects.get(call.args["oid"])
    if content is None or len(content) != json.loads(call.body)["size"]:
        raise Refused(404, "no such object")
    return _json({})


@_route("POST", f"{_MODEL}/commit/{_REVISION}", write=True)
def _commit(hub: HubServer, call: Call) -> Answer:
    repo, branch = hub.repo(call), call.args["revision"]
    if branch not in repo.refs:
        raise Refused(404, f"Invalid rev id: {branch}", "RevisionNotFound")
    head = repo.at(repo.refs[branch])
    files, header = dict(head.files), {"summary": ""}
    for line in call.body.splitlines():
        item = json.loads(line)
        key, value = item["key"], item["value"]
        path = value.get("path", "")
        if key == "header":
            header = value
        elif key == "file":
            files[path] = base64.b64decode(value["content"])
            hub.sent[f"{repo.id}/{path}"] += len(files[path])
        elif key == "lfsFile":
            if value["oid"] not in repo.objects:
                raise Refused(400, f"the LFS object of {path} was never uploaded")
            files[path] = repo.objects[value["oid"]]
            if sent := hub.sent.pop(f"{repo.id}/{value['oid']}", 0):
                hub.sent[f"{repo.id}/{path}"] += sent
        else:
            gone = {name for name in files if name == path or name.startswith(f"{path.rstrip('/')}/")}
            if not gone:
                raise Refused(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            files = {name: content for name, content in files.items() if name not in gone}
    if not head.id.startswith(header.get("parentCommit", "").lower()):
        raise Refused(412, "A commit has happened since. Please refresh and try again.")
    commit = repo.record(branch, files, header["summary"], header.get("description", ""))
    return _json({"success": True, "commitOid": commit.id, "commitUrl": f"{hub.url}/{repo.id}/commit/{commit.id}"})


@_route("GET", f"/{_REPO}/resolve/{_REVISION}/(?P<path>.+)")
def _resolve(hub: HubServer, call: Call) -> Answer:
    commit, path = hub.repo(call).at(call.args["revision"]), call.args["path"]
    headers = {"X-Repo-Commit": commit.id, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if path not in commit.files:
        raise Refused(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit.id})
    replaced = hub.faults.take("replace", call.method, call.url)
    content = commit.files[path] if replaced is None else replaced
    tag = etag(path, content)
    headers["ETag"] = f'"{tag}"'
    if is_lfs(path, len(content)):
        # The Hub sends these with a redirect to its storage. Here the client would follow it, as one host serves both.
        headers |= {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(len(content))}
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("Range", ""))
    if not asked or not any(asked.groups()):
        return Answer(200, content, headers)
    start = int(asked[1]) if asked[1] else max(len(content) - int(asked[2]), 0)
    end = min(int(asked[2]), len(content) - 1) if asked[1] and asked[2] else len(content) - 1
    if start > end:
        raise Refused(416, "Range Not Satisfiable", **{"Content-Range": f"bytes */{len(content)}"})
    return Answer(206, content[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"})


# The server.


class HubServer:
    """A Hub in this process. `stop()` and `start()` take it off the network and back, on the same port.

    Attributes:
        repos: Repos by id.
        requests: Method and path with query of all requests, in order of arrival.
        sent: Content bytes received, by `org/name/path`; an LFS object no commit has named yet by `org/name/sha256`.
        faults: What shall go wrong.
        pretend: What every request is answered with, as a login page of a network does; None for the Hub's answers.
        expired: Tokens refused wherever they are shown, as the Hub does with revoked ones.
    """

    def __init__(self, port: int = 0, token: str = "hf_test", user: str = "tester") -> None:
        self.port, self.token, self.user = port, token, user
        self.repos: dict[str, Repo] = {}
        self.requests: list[tuple[str, str]] = []
        self.sent: Counter[str] = Counter()
        self.faults = Faults()
        self.pretend: bytes | None = None
        self.expired: set[str] = set()
        self._lock = threading.RLock()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """What `HF_ENDPOINT` has to be; known once the server has been started."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, on the port of the last time if there was one."""
        self._server = _Server(self)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse new connections and close the open ones in mid-air; repos and faults stay."""
        if self._server is not None:
            self._server.leave()
            self._server = None

    def __enter__(self) -> HubServer:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.faults.clear()
        self.stop()

    def create(self, repo_id: str, private: bool = False) -> Repo:
        """Make a repo with the first commit that the Hub gives every repo: a `.gitattributes`."""
        with self._lock:
            repo = self.repos[repo_id] = Repo(repo_id, private)
            repo.record("main", {".gitattributes": ATTRIBUTES}, "initial commit")
            return repo

    def commit(
        self, repo_id: str, files: Mapping[str, bytes | None], message: str = "Behind your back", branch: str = "main"
    ) -> str:
        """Change a repo without a request: new content by path, None to delete. Returns the commit id."""
        with self._lock:
            repo = self.repos[repo_id]
            merged = {**repo.at(branch).files, **files}
            kept = {path: content for path, content in merged.items() if content is not None}
            return repo.record(branch, kept, message).id

    def repo(self, call: Call) -> Repo:
        """The repo a request is about, if the one who asks may know of it."""
        repo, known = self.repos.get(call.args["repo"]), call.token == self.token
        if repo is None or (repo.private and not known):
            status, message = (404, "Repository not found") if known else (401, "Invalid username or password.")
            raise Refused(status, message, "RepoNotFound")
        return repo

    def answer(self, call: Call) -> Answer:
        """Do what a request asks for."""
        if self.pretend is not None:
            return Answer(200, self.pretend, {"Content-Type": "text/html"})
        try:
            if failure := self.faults.take("status", call.method, call.url):
                raise Refused(failure[0], f"status {failure[0]} on demand", **failure[1])
            if call.token in self.expired:
                raise Refused(401, "Invalid credentials in Authorization header")
            for method, pattern, write, endpoint in _ROUTES:
                found = pattern.fullmatch(call.path)
                if found and re.fullmatch(method, call.method.replace("HEAD", "GET")):
                    call.args = {name: unquote(part) for name, part in found.groupdict().items() if part is not None}
                    if write and call.token != self.token:
                        # With https the client takes any 401 on a repo for RepoNotFound; with http it needs the code.
                        raise Refused(401, "Invalid username or password.", "RepoNotFound" if call.args else None)
                    with self._lock:
                        return endpoint(self, call)
            raise Refused(404, f"the stand-in for the Hub does not serve {call.method} {call.url}")
        except Refused as refused:
            answer = _json({"error": refused.message}, refused.status)
            return Answer(answer.status, answer.body, {**answer.headers, **refused.headers})


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def __init__(self, hub: HubServer) -> None:
        self.hub, self.numbers, self.gone = hub, itertools.count(1), False
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", hub.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def leave(self) -> None:
        self.gone = True
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: without this each answer takes 40 ms

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # clients give up, and tests make them
            super().handle()

    def answer(self) -> None:
        hub, body = self.server.hub, self._body()
        call = Call(self.command, self.path, self.headers, body)
        if call.path != _HARNESSES:
            hub.requests.append((call.method, call.url))
        for gate in hub.faults.gates(call.method, call.url):
            gate.hold()
        time.sleep(hub.faults.take("delay", call.method, call.url) or 0)
        if self.server.gone:
            raise ConnectionAbortedError("what was held when the network went away never arrives")
        answer = hub.answer(call)
        if hub.faults.take("drop", call.method, call.url):
            self.close_connection = True
            return
        self.send_response(answer.status)
        headers = {"X-Request-Id": f"request-{next(self.server.numbers)}", **answer.headers}
        for name, value in {**headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        after = hub.faults.take("cut", call.method, call.url)
        if after is not None:
            self.close_connection = True
        if call.method != "HEAD":
            self.wfile.write(answer.body[:after])

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def _body(self) -> bytes:
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionAbortedError("the client left in the middle of a body")
        return body

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the output of the tests clean: `HubServer.requests` is the log."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve an empty stand-in for the Hugging Face Hub until Ctrl-C.")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--token", default="hf_test", help="the one token that may write and read private repos")
    arguments = parser.parse_args()
    with HubServer(arguments.port, arguments.token) as hub, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"HF_ENDPOINT={hub.url} HF_HUB_DISABLE_XET=1 HF_TOKEN={hub.token}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
