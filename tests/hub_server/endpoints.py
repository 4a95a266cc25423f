"""The endpoints. Each runs under the server's lock, so that a commit is atomic."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import yaml

from tests.hub_server.cards import card_block, card_data, card_errors, derived_tags, library
from tests.hub_server.store import Commit, Refused, Repo, blob_id, etag, is_lfs, sha256

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer


@dataclass
class Call:
    """A request; `path` and `url` (with the query) are as sent, `args` are the unquoted parts of the path."""

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
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Endpoint = Callable[["HubServer", Call], Answer]
ROUTES: list[tuple[str, re.Pattern[str], bool, Endpoint]] = []
_REPO = "(?P<repo>[^/]+/[^/]+)"
_MODEL = f"/api/(?:models|datasets)/{_REPO}"  # for data sets, only the endpoints that reading needs
_REVISION = "(?P<revision>[^/]+)"
HARNESSES = "/api/agent-harnesses"  # the client asks for this once a day and per HF_HOME; tests ignore it


def _route(method: str, path: str, write: bool = False) -> Callable[[Endpoint], Endpoint]:
    def register(endpoint: Endpoint) -> Endpoint:
        ROUTES.append((method, re.compile(path), write, endpoint))
        return endpoint

    return register


def as_json(value: Any, status: int = 200) -> Answer:
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
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob_id(content)}
    if is_lfs(path, len(content)):  # git itself stores only a pointer to an LFS file
        digest, size = sha256(content), len(content)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n".encode()
        entry |= {"oid": blob_id(pointer), "lfs": {"oid": digest, "size": size, "pointerSize": len(pointer)}}
    return entry


def _entries(commit: Commit, folder: str, recursive: bool) -> list[dict[str, Any]]:
    prefix, entries = f"{folder}/" if folder else "", {}
    for path, content in sorted(commit.files.items()):
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            parent = prefix + "/".join(parts[:depth])
            oid = blob_id(parent.encode())
            entries[parent] = {"type": "directory", "path": parent, "size": 0, "oid": oid}
        if recursive or len(parts) == 1:
            entries[path] = _entry(path, content)
    if folder and not entries:
        raise Refused(404, f"{folder} does not exist", "EntryNotFound")
    return list(entries.values())


@_route("GET", HARNESSES)
def _harnesses(hub: HubServer, call: Call) -> Answer:
    return as_json({"standardEnvVars": [], "harnesses": {}})


@_route("GET", "/api/whoami-v2")
def _whoami(hub: HubServer, call: Call) -> Answer:
    if call.token != hub.token:
        raise Refused(401, "Invalid username or password.")
    access = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
    return as_json({"type": "user", "id": "0", "name": hub.user, "fullname": hub.user, "orgs": [], "auth": access})


@_route("POST", "/api/repos/create", write=True)
def _create(hub: HubServer, call: Call) -> Answer:
    asked = json.loads(call.body)
    if asked.get("type") not in (None, "model"):
        raise Refused(400, "only model repos are served here")
    repo_id = f"{asked.get('organization') or hub.user}/{asked['name']}"
    url = f"{hub.url}/{repo_id}"
    if repo_id in hub.repos:
        return as_json({"error": "You already created this model repo", "url": url}, 409)
    hub.create(repo_id, private=asked.get("visibility") == "private")
    return as_json({"url": url, "name": repo_id, "id": repo_id})


@_route("POST", "/api/validate-yaml")
def _validate(hub: HubServer, call: Call) -> Answer:
    try:
        card = card_block(json.loads(call.body)["content"])
    except yaml.YAMLError as error:
        errors = [f"the metadata is not valid YAML: {' '.join(str(error).split())}"]
        return as_json({"errors": [{"message": message} for message in errors], "warnings": []}, 400)
    if not card:
        return as_json({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
    found = [{"message": message} for message in card_errors(card)]
    return as_json({"errors": found, "warnings": []}, 400 if found else 200)


@_route("GET", "/api/models")
def _list(hub: HubServer, call: Call) -> Answer:
    query, found = call.query, []
    wanted = {tag for given in query.get("filter", []) for tag in given.split(",")} | set(query.get("pipeline_tag", []))
    # The Hub omits author, sha and date from a plain listing: code that needs them has to ask for them.
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
    limit, start = min(hub.page, int(query.get("limit", ["1000"])[0])), int(query.get("cursor", ["0"])[0])
    shown = found[start : start + limit]
    answer = as_json([{key: value for key, value in facts.items() if key in keys} for facts in shown])
    if start + limit < len(found):
        rest = urlencode({**query, "cursor": start + limit}, doseq=True)
        answer.headers["Link"] = f'<{hub.url}/api/models?{rest}>; rel="next"'
    return answer


@_route("GET", f"{_MODEL}(?:/revision/{_REVISION})?")
def _info(hub: HubServer, call: Call) -> Answer:
    repo = hub.repo(call)
    facts = _facts(repo, repo.at(call.args.get("revision", "main")), blobs=call.flag("blobs"))
    expand = call.query.get("expand")
    return as_json({key: facts[key] for key in facts if key in ("id", *expand)} if expand else facts)


@_route("GET", f"{_MODEL}/tree/{_REVISION}(?:/(?P<path>.+))?")
def _tree(hub: HubServer, call: Call) -> Answer:
    commit = hub.repo(call).at(call.args["revision"])
    return as_json(_entries(commit, call.args.get("path", "").strip("/"), call.flag("recursive")))


@_route("GET", f"{_MODEL}/commits/{_REVISION}")
def _commits(hub: HubServer, call: Call) -> Answer:
    repo, listed = hub.repo(call), []
    commit: Commit | None = repo.at(call.args["revision"])
    while commit is not None:
        entry = {"id": commit.id, "title": commit.message, "message": commit.description, "date": commit.date}
        listed.append({**entry, "authors": [{"user": hub.user}]})
        commit = repo.at(commit.parent) if commit.parent else None
    return as_json(listed)


@_route("GET", f"{_MODEL}/refs")
def _refs(hub: HubServer, call: Call) -> Answer:
    repo = hub.repo(call)

    def named(kind: str, refs: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit} for name, commit in refs.items()]

    branches, tags = named("heads", repo.refs), named("tags", repo.tags)
    return as_json({"branches": branches, "tags": tags, "converts": [], "pullRequests": []})


@_route("POST", f"{_MODEL}/(?P<kind>branch|tag)/{_REVISION}", write=True)
def _ref(hub: HubServer, call: Call) -> Answer:
    repo, asked, name = hub.repo(call), json.loads(call.body), call.args["revision"]
    refs, start = repo.refs, asked.get("startingPoint", "main")
    if call.args["kind"] == "tag":  # for a tag, the path holds the start and the body the name
        refs, start, name = repo.tags, name, asked["tag"]
    if name in refs:
        raise Refused(409, f"Reference already exists: {name}")
    refs[name] = repo.at(start).id
    return as_json({})


@_route("POST", f"{_MODEL}/preupload/{_REVISION}", write=True)
def _preupload(hub: HubServer, call: Call) -> Answer:
    current, answers = hub.repo(call).at(call.args["revision"]).files, []
    for file in json.loads(call.body)["files"]:
        path = file["path"]
        mode = "lfs" if is_lfs(path, file["size"]) else "regular"
        known = {"oid": etag(path, current[path])} if path in current else {}
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **known})
    return as_json({"files": answers})


@_route("POST", rf"/{_REPO}\.git/info/lfs/objects/batch", write=True)
def _lfs_batch(hub: HubServer, call: Call) -> Answer:
    repo, objects = hub.repo(call), []
    for asked in json.loads(call.body)["objects"]:
        action = {"href": f"{hub.url}/lfs/{repo.id}/{asked['oid']}"}
        there = asked["oid"] in repo.objects
        repo.granted.add(asked["oid"])
        verify = {"href": f"{hub.verifier or hub.url}/lfs/{repo.id}/{asked['oid']}"}
        objects.append({**asked, **({} if there else {"actions": {"upload": action, "verify": verify}})})
    return as_json({"transfer": "basic", "objects": objects})


@_route("PUT", f"/lfs/{_REPO}/(?P<oid>[0-9a-f]+)")
def _lfs_put(hub: HubServer, call: Call) -> Answer:
    oid, repo = call.args["oid"], hub.repos.get(call.args["repo"])
    if repo is None or oid not in repo.granted:
        raise Refused(403, "this address was not given out for an upload")
    hub.sent[f"{repo.id}/{oid}"] += len(call.body)
    if sha256(call.body) != oid:
        raise Refused(400, "the content does not have the sha256 that was announced")
    repo.objects[oid] = call.body
    return Answer(200, b"")


@_route("POST", f"/lfs/{_REPO}/(?P<oid>[0-9a-f]+)", write=True)
def _lfs_verify(hub: HubServer, call: Call) -> Answer:
    content = hub.repo(call).objects.get(call.args["oid"])
    if content is None or len(content) != json.loads(call.body)["size"]:
        raise Refused(404, "no such object")
    return as_json({})


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
    return as_json({"success": True, "commitOid": commit.id, "commitUrl": f"{hub.url}/{repo.id}/commit/{commit.id}"})


@_route("GET", f"(?:/datasets)?/{_REPO}/resolve/{_REVISION}/(?P<path>.+)")
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
        # The Hub sends these headers with a redirect to its storage. The client would follow one to the same host.
        headers |= {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(len(content))}
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("Range", ""))
    if not asked or not any(asked.groups()):
        return Answer(200, content, headers)
    start = int(asked[1]) if asked[1] else max(len(content) - int(asked[2]), 0)
    end = min(int(asked[2]), len(content) - 1) if asked[1] and asked[2] else len(content) - 1
    if start > end:
        raise Refused(416, "Range Not Satisfiable", **{"Content-Range": f"bytes */{len(content)}"})
    return Answer(206, content[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"})
