"""The server: HTTP on 127.0.0.1 in front of the endpoints."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.hub_server.endpoints import HARNESSES, ROUTES, Answer, Call, as_json
from tests.hub_server.faults import Faults
from tests.hub_server.store import ATTRIBUTES, Refused, Repo


class HubServer:
    """A Hub in this process. `stop()` and `start()` take it off the network and back, on the same port.

    Attributes:
        repos: The repos by id.
        requests: Method, and path with query, of all requests in order of arrival.
        sent: Content bytes received, by `org/name/path`; by `org/name/sha256` for LFS objects that no commit names yet.
        faults: The faults to produce.
        pretend: Body of the answer to every request, like a network's login page; None: answer as the Hub does.
        page: Maximum number of repos in an answer to a search; a link leads to the others.
        verifier: Address that a client should notify when an upload is complete; None: this server.
        tokens: All tokens that clients sent.
        expired: Tokens that are always refused, like revoked ones on the Hub.
    """

    def __init__(self, port: int = 0, token: str = "hf_test", user: str = "tester") -> None:
        self.port, self.token, self.user = port, token, user
        self.repos: dict[str, Repo] = {}
        self.requests: list[tuple[str, str]] = []
        self.sent: Counter[str] = Counter()
        self.faults = Faults()
        self.pretend: bytes | None = None
        self.page = 1000
        self.verifier: str | None = None
        self.tokens: set[str] = set()
        self.expired: set[str] = set()
        self._lock = threading.RLock()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """The value for `HF_ENDPOINT`; known once the server has been started."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start serving, on the earlier port if there was one."""
        self._server = _Server(self)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse new connections and break the open ones; repos and faults stay."""
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
        """Make a repo with the Hub's initial commit, a `.gitattributes`."""
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
        """The repo of a request, if the caller may see it."""
        repo, known = self.repos.get(call.args["repo"]), call.token == self.token
        if repo is None or (repo.private and not known):
            status, message = (404, "Repository not found") if known else (401, "Invalid username or password.")
            raise Refused(status, message, "RepoNotFound")
        return repo

    def answer(self, call: Call) -> Answer:
        """Handle a request."""
        self.tokens |= {call.token} if call.token else set()
        if self.pretend is not None:
            return Answer(200, self.pretend, {"Content-Type": "text/html"})
        try:
            if failure := self.faults.take("status", call.method, call.url):
                raise Refused(failure[0], f"status {failure[0]} on demand", **failure[1])
            if call.token in self.expired:
                raise Refused(401, "Invalid credentials in Authorization header")
            for method, pattern, write, endpoint in ROUTES:
                found = pattern.fullmatch(call.path)
                if found and re.fullmatch(method, call.method.replace("HEAD", "GET")):
                    call.args = {name: unquote(part) for name, part in found.groupdict().items() if part is not None}
                    if write and call.token != self.token:
                        # Over https the client takes any 401 on a repo for RepoNotFound; over http it needs the code.
                        raise Refused(401, "Invalid username or password.", "RepoNotFound" if call.args else None)
                    with self._lock:
                        return endpoint(self, call)
            raise Refused(404, f"the stand-in for the Hub does not serve {call.method} {call.url}")
        except Refused as refused:
            answer = as_json({"error": refused.message}, refused.status)
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
    disable_nagle_algorithm = True  # head and body are two writes: without this setting each answer takes 40 ms

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # clients may give up, and some tests make them
            super().handle()

    def answer(self) -> None:
        hub, body = self.server.hub, self._body()
        call = Call(self.command, self.path, self.headers, body)
        if call.path != HARNESSES:
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
        if (headers := hub.faults.take("flood", call.method, call.url)) is not None:
            self._flood(headers)
            return
        answer.headers |= hub.faults.take("add", call.method, call.url) or {}
        self.send_response(answer.status)
        headers = {"X-Request-Id": f"request-{next(self.server.numbers)}", **answer.headers}
        for name, value in {**headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        after = hub.faults.take("cut", call.method, call.url)
        if after is not None:
            self.close_connection = True
        pause = hub.faults.take("drip", call.method, call.url)
        for piece in [answer.body[:after]] if pause is None else (bytes([byte]) for byte in answer.body):
            if call.method != "HEAD" and not self.server.gone:
                self.wfile.write(piece)
                time.sleep(pause or 0)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def _flood(self, headers: Mapping[str, str]) -> None:
        self.close_connection = True
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        while not self.server.gone:
            self.wfile.write(bytes(1 << 16))

    def _body(self) -> bytes:
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionAbortedError("the client left in the middle of a body")
        return body

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing, to keep the tests' output clean: `HubServer.requests` is the log."""
