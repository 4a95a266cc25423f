"""The stand-in's storage: repos, their commits, and git LFS objects."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

LFS_BYTES = 100_000  # the Hub's own limit is 10 MB; a low one lets tests reach the LFS path with small files
ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"


def is_lfs(path: str, size: int) -> bool:
    """Whether the Hub stores a file in LFS. Empty files are regular, because the client requires it."""
    return size > 0 and (size >= LFS_BYTES or path.endswith(".safetensors"))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def etag(path: str, content: bytes) -> str:
    """The name of a file in the client's cache: SHA-256 of an LFS file, git's blob id of a regular one."""
    return sha256(content) if is_lfs(path, len(content)) else blob_id(content)


class Refused(Exception):
    """An error answer; the client chooses its exception class by `code`."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        header = message.encode("ascii", "replace").decode()  # a path in the message may be in any script
        self.headers = {"X-Error-Message": header, **({"X-Error-Code": code} if code else {}), **headers}


@dataclass(frozen=True)
class Commit:
    """The state of all files of a repo."""

    id: str
    parent: str | None
    message: str
    description: str
    date: str
    files: dict[str, bytes]


@dataclass
class Repo:
    """A model repo: `commits` in order of creation, `refs` maps branches and `tags` maps tags to commit ids."""

    id: str
    private: bool = False
    commits: list[Commit] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)  # LFS store: maps SHA-256 to content
    granted: set[str] = field(default_factory=set)  # SHA-256 of what may be PUT without a token, as to a signed address

    def at(self, revision: str = "main") -> Commit:
        """The commit of a branch, a tag or a full commit id."""
        commit_id = self.refs.get(revision) or self.tags.get(revision) or revision
        for commit in self.commits:
            if commit.id == commit_id:
                return commit
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def record(self, branch: str, files: dict[str, bytes], message: str, description: str = "") -> Commit:
        """Move a branch to `files`; if nothing changes, return its present head."""
        head = self.at(self.refs[branch]) if branch in self.refs else None
        if head is not None and files == head.files:
            return head
        parent = head.id if head else None
        # Clients cache files by commit id, so the id must differ between servers with different files.
        blobs = sorted((path, blob_id(content)) for path, content in files.items())
        listing = json.dumps([self.id, len(self.commits), parent, message, blobs])
        date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")  # whole seconds, as in git
        commit = Commit(blob_id(listing.encode()), parent, message, description, date, files)
        self.commits.append(commit)
        self.refs[branch] = commit.id
        self.objects |= {sha256(content): content for path, content in files.items() if is_lfs(path, len(content))}
        return commit
