"""A plain folder that acts as a hub: for labs without the Hub, for the quickstart and for the demo.

    HUB/org/name/refs/main           the newest commit of a branch
    HUB/org/name/revisions/COMMIT/…  the files of a commit; it never changes, unchanged files share their space

A module folder that was put at HUB/org/name by hand works too: it is a repo with one commit.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import logging
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from adapters_hub.address import Address
from adapters_hub.cards import tags_of
from adapters_hub.errors import AdaptersHubError, ModuleFormatError
from adapters_hub.folders import inner_path, link_or_copy, sha256, walk, write_folder, write_text
from adapters_hub.format import FILE_NAME, MODULE_FILES, check_files, read_manifest
from adapters_hub.hub.hub import Hub, HubError, Listing, Pushed, Snapshot
from adapters_hub.json_files import read_plain

logger = logging.getLogger(__name__)

_MAIN = "main"
_SHOWN = 10
_LONGEST_REFERENCE = 1000  # bytes


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn an error of the disk into an error of the hub."""
    try:
        yield
    except OSError as error:
        raise HubError(f"{error.filename} cannot be read or written: {error.strerror or error}") from error


class LocalHub(Hub):
    """A folder that acts as a hub; the first push creates it if it does not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.name = f"the local hub {self.folder}"

    @_told()
    def snapshot(self, address: Address) -> Snapshot:
        """Resolve an address to the commit that it means now."""
        folder, commit = self._find(address)
        sizes = {path.relative_to(folder).as_posix(): path.lstat().st_size for path in walk(folder)}
        return Snapshot(address.repo, commit, sizes)

    @_told()
    def fetch(self, snapshot: Snapshot, names: Sequence[str]) -> Path:
        """The folder of a commit; nothing is copied."""
        return self._find(Address(snapshot.repo, snapshot.commit))[0]

    @_told()
    def push(
        self, repo: str, files: Mapping[str, Path | bytes], *, private: bool, revision: str | None, message: str
    ) -> Pushed:
        """Make a repo hold these files, in one commit. Who may read it is up to the folder; the message is not kept."""
        place, branch = inner_path(self.folder, repo), revision or _MAIN
        if (place / FILE_NAME).is_file():
            raise HubError(f"{place} is a module folder put there by hand, without revisions: push to another name")
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / ".lock"):
            # A new branch starts from main, as on the Hub.
            head = self._resolve(repo, branch) or self._resolve(repo, _MAIN)
            old = _plain_files(head) if head else {}
            new = {name: path for name, path in old.items() if name not in MODULE_FILES} | dict(files)
            same = {name: old[name] for name in new.keys() & old.keys() if _sha256(new[name]) == sha256(old[name])}
            if head and new.keys() == old.keys() == same.keys():
                commit = head
            else:
                commit = inner_path(self.folder, f"{repo}/revisions/{secrets.token_hex(20)}")
                _write(commit, new, same)
            write_text(inner_path(self.folder, f"{repo}/refs/{branch}"), f"{commit.name}\n")
        return Pushed(repo, commit.name, changed=commit != head, url=str(commit))

    def search(self, *, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """The repos that have all these tags; folders that hold no sound module are skipped."""
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

    def _repos(self) -> list[str]:
        if not self.folder.is_dir():
            raise HubError(f"{self.name} is not there: expected a folder (--hub or MSE_HUB)")
        # A folder with neither is a push that was not finished, or not a repo at all.
        found = (path.parent for name in ("refs", FILE_NAME) for path in self.folder.glob(f"*/*/{name}"))
        return sorted(filter(Address.parse, {place.relative_to(self.folder).as_posix() for place in found}))

    def _find(self, address: Address) -> tuple[Path, str]:
        """The folder and the id of the commit that an address means."""
        repo, revision = address.repo, address.revision or _MAIN
        place = inner_path(self.folder, repo)
        if by_hand := (place / FILE_NAME).is_file():
            commit = sha256(inner_path(place, FILE_NAME))[:40]
            if revision in (_MAIN, commit):
                return place, commit
        elif folder := self._resolve(repo, revision):
            return folder, folder.name
        known = self._repos()
        if repo not in known:
            raise HubError(f"{self.name} has no {repo!r}; it has: {_some(known)}")
        branches = [_MAIN] if by_hand else self._branches(repo)
        raise HubError(f"{repo} on {self.name} has no revision {revision!r}; it has: {_some(branches)}")

    def _resolve(self, repo: str, revision: str) -> Path | None:
        """The folder of the commit that a branch, or the commit's id, means; None if there is none."""
        reference, commit = inner_path(self.folder, f"{repo}/refs/{revision}"), revision
        if reference.is_file():
            try:
                commit = read_plain(reference, _LONGEST_REFERENCE).decode().strip()
            except ValueError as error:
                raise HubError(f"{reference} cannot be read ({error}): write a commit into it, or delete it") from error
        if not Address(repo, commit).is_pinned:
            return None
        folder = self.folder / repo / "revisions" / commit
        linked = folder.is_symlink() or folder.parent.is_symlink()
        return folder if folder.is_dir() and not linked else None

    def _branches(self, repo: str) -> list[str]:
        refs = self.folder / repo / "refs"
        names = (path.relative_to(refs).as_posix() for path in refs.rglob("*") if path.is_file())
        # Anything else is a file that a push has not finished writing.
        return [name for name in names if Address.parse(f"{repo}@{name}")]


def _plain_files(folder: Path) -> dict[str, Path]:
    paths = (path for path in walk(folder) if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _some(names: Sequence[str]) -> str:
    """The first names, for a message."""
    first = sorted(names)
    return ", ".join([*first[:_SHOWN], *(["…"] if len(first) > _SHOWN else [])]) or "nothing yet"


def _write(target: Path, files: Mapping[str, Path | bytes], unchanged: Mapping[str, Path]) -> None:
    """Write the folder of a commit; unchanged files become links to those of the commit before."""
    with write_folder(target) as folder:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if name in unchanged:
                link_or_copy(unchanged[name], folder / name)
            elif isinstance(content, bytes):
                (folder / name).write_bytes(content)
            else:
                shutil.copyfile(content, folder / name)  # not a link: further training may overwrite the pushed files
        try:
            check_files(folder, read_manifest(folder))
        except ModuleFormatError as error:
            raise HubError(f"the module changed while it was pushed: push again ({error})") from error


def _sha256(content: Path | bytes) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256(content)
