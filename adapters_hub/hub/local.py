"""A plain folder that acts as a hub: for labs without the Hub, for the quickstart and for the demo.

    HUB/org/name/refs/main              the newest commit of a branch
    HUB/org/name/revisions/COMMIT/…     the files of a commit; it never changes, unchanged files share their space
    HUB/org/name/revisions/COMMIT.json  its message, time and parent

A module folder that was put at HUB/org/name by hand works too: it is a repo with one commit.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from adapters_hub.address import Address
from adapters_hub.cards import tags_of
from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import inner_path, link_or_copy, sha256, walk, write_folder, write_text
from adapters_hub.format import FILE_NAME, MODULE_FILES, read_manifest
from adapters_hub.hub.hub import HubError, Listing, Pushed, Snapshot
from adapters_hub.json_files import read_plain

logger = logging.getLogger(__name__)

_MAIN = "main"
_SHOWN = 10
_LONGEST_REFERENCE = 1000  # bytes


class LocalHub:
    """A folder that acts as a hub.

    Args:
        folder: the folder; the first push creates it if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def name(self) -> str:
        """The hub's name, for messages."""
        return f"the local hub {self.folder}"

    def snapshot(self, address: Address) -> Snapshot:
        """Resolve an address to the commit that it means now."""
        folder, commit = self._find(address)
        with _told():
            sizes = {path.relative_to(folder).as_posix(): path.lstat().st_size for path in walk(folder)}
        return Snapshot(address.repo, commit, sizes)

    def fetch(self, snapshot: Snapshot, names: Sequence[str]) -> Path:
        """The folder of a commit."""
        return self._find(Address(snapshot.repo, snapshot.commit))[0]

    def cached(self, address: Address) -> tuple[Path, str] | None:
        """Nothing is copied, so there is no cache."""
        return None

    def remember(self, address: Address, commit: str) -> None:
        """Nothing is copied, so there is nothing to remember."""

    def mend(self, snapshot: Snapshot) -> bool:
        """Nothing is copied, so no copy is damaged."""
        return False

    def push(
        self, repo: str, files: Mapping[str, Path | bytes], *, private: bool, revision: str | None, message: str
    ) -> Pushed:
        """Make a repo hold these files, in one commit. `private` has no effect: the folder's permissions apply."""
        del private
        branch = revision or _MAIN
        place = self._place(repo)
        if (place / FILE_NAME).is_file():
            raise HubError(f"{place} is a module folder put there by hand, without revisions: push to another name")
        try:
            place.mkdir(parents=True, exist_ok=True)
            with FileLock(place / ".lock"):
                return self._commit(place, Address(repo, branch), files, message)
        except OSError as error:
            raise HubError(f"cannot write to {place}: {error.strerror or error}") from error

    def search(self, *, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """The repos that have all these tags; folders that hold no sound module are skipped."""
        self._check()
        found = []
        for repo in self._repos():
            if author is not None and author != repo.partition("/")[0]:
                continue
            try:
                folder, commit = self._find(Address(repo))
                repo_tags = tags_of(read_manifest(folder))
                time = datetime.datetime.fromtimestamp(folder.stat().st_mtime, datetime.UTC)
            except (AdaptersHubError, OSError) as error:
                logger.warning("%s is skipped: %s", repo, error)
                continue
            if set(tags) <= set(repo_tags):
                found.append(Listing(repo, commit, time.isoformat(timespec="seconds"), tuple(repo_tags)))
        return found

    def _check(self) -> None:
        if not self.folder.is_dir():
            raise HubError(f"{self.name} is not there: expected a folder (--hub or MSE_HUB)")

    def _repos(self) -> list[str]:
        repos = []
        for place in (place for owner in _folders(self.folder) for place in _folders(owner)):
            # A folder with neither is a push that was not finished, or not a repo at all.
            with contextlib.suppress(OSError):
                if (place / "refs").is_dir() or (place / FILE_NAME).exists():
                    repos.append(place.relative_to(self.folder).as_posix())
        return sorted(repo for repo in repos if Address.parse(repo))

    def _place(self, repo: str) -> Path:
        place = self.folder / repo
        for path in (place.parent, place, place / "refs", place / "revisions"):
            if path.is_symlink():
                raise HubError(f"{path} is a symbolic link: a hub holds plain folders only")
        return place

    def _find(self, address: Address) -> tuple[Path, str]:
        with _told():
            return self._look_up(address)

    def _look_up(self, address: Address) -> tuple[Path, str]:
        self._check()
        place = self._place(address.repo)
        if (place / FILE_NAME).is_file():
            commit = _digest([FILE_NAME, sha256(inner_path(place, FILE_NAME))])
            if address.revision in (None, _MAIN, commit):
                return place, commit
        else:
            commit = self._resolve(place, address.revision or _MAIN)
            folder = place / "revisions" / commit
            if Address(address.repo, commit).is_pinned and folder.is_dir() and not folder.is_symlink():
                return folder, commit
        known = self._repos()
        if address.repo in known:
            raise HubError(
                f"{address.repo} on {self.name} has no revision {address.revision or _MAIN!r}; "
                f"it has: {_some(self._branches(place))}"
            )
        raise HubError(f"{self.name} has no {address.repo!r}; it has: {_some(known)}")

    def _branches(self, place: Path) -> list[str]:
        if (place / FILE_NAME).is_file():
            return [_MAIN]
        refs = place / "refs"
        names = (path.relative_to(refs) for path in refs.rglob("*") if path.is_file())
        return [name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts)]

    def _resolve(self, place: Path, revision: str) -> str:
        """The commit of a branch; a revision that is not a branch is returned as it is."""
        reference = inner_path(place / "refs", revision)
        if not reference.is_file():
            return revision
        try:
            return read_plain(reference, _LONGEST_REFERENCE).decode().strip()
        except ValueError as error:
            raise HubError(f"{reference} cannot be read ({error}): write a commit into it, or delete it") from error

    def _commit(self, place: Path, address: Address, files: Mapping[str, Path | bytes], message: str) -> Pushed:
        assert address.revision
        head = self._resolve(place, address.revision)
        previous = place / "revisions" / head
        if not previous.is_dir():  # a new branch starts from main, as on the Hub
            head = self._resolve(place, _MAIN)
            previous = place / "revisions" / head
        present = Address(address.repo, head).is_pinned and previous.is_dir() and not previous.is_symlink()
        paths = [path for path in walk(previous) if not path.is_symlink() and path.is_file()] if present else []
        old = {path.relative_to(previous).as_posix(): path for path in paths}
        kept = {name: path for name, path in old.items() if name not in MODULE_FILES}
        wanted: dict[str, Path | bytes] = {**kept, **files}
        digests = {name: _sha256(content) for name, content in sorted(wanted.items())}
        if digests == {name: sha256(path) for name, path in sorted(old.items())}:
            self._point(place, address.revision, head)
            return Pushed(address.repo, head, changed=False, url=str(previous))
        commit = _digest([head, message, *(f"{name}:{digest}" for name, digest in digests.items())])
        target = place / "revisions" / commit
        if not target.is_dir():
            with write_folder(target) as folder:
                for name, content in wanted.items():
                    _put(content, folder / name, old.get(name), digests[name])
            facts = {"parent": head, "message": message, "time": datetime.datetime.now(datetime.UTC).isoformat()}
            write_text(target.with_suffix(".json"), json.dumps(facts, indent=2) + "\n")
        self._point(place, address.revision, commit)
        return Pushed(address.repo, commit, changed=True, url=str(target))

    def _point(self, place: Path, branch: str, commit: str) -> None:
        write_text(place / "refs" / branch, commit + "\n")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn an error of reading the disk into an error of the hub."""
    try:
        yield
    except OSError as error:
        raise HubError(f"{error.filename} cannot be read: {error.strerror or error}") from error


def _folders(place: Path) -> list[Path]:
    """The folders in a folder, without hidden ones; none if it cannot be read."""
    try:
        with os.scandir(place) as entries:
            return [Path(entry) for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return []


def _some(names: Iterable[str]) -> str:
    """The first names, for a message."""
    first = sorted(names)
    return ", ".join([*first[:_SHOWN], *(["…"] if len(first) > _SHOWN else [])]) or "nothing yet"


def _put(content: Path | bytes, target: Path, old: Path | None, digest: str) -> None:
    if old is not None and sha256(old) == digest:
        link_or_copy(old, target)
    elif isinstance(content, bytes):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        # A copy, not a link: further training may overwrite the pushed files.
        target.write_bytes(content.read_bytes())
        if sha256(target) != digest:
            raise HubError(f"{content} changed while it was pushed: push again")


def _sha256(content: Path | bytes) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256(content)


def _digest(parts: Sequence[str]) -> str:
    """40 hexadecimal digits, like a commit id of git."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]
