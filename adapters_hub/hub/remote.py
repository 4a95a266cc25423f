"""The Hugging Face Hub through `huggingface_hub`, with its token, cache and environment variables."""

from __future__ import annotations

import hashlib
import logging
import re
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    ModelInfo,
    get_session,
    hf_hub_download,
    hf_raise_for_status,
)
from huggingface_hub.constants import ENDPOINT, HF_HOME, HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import sha256, write_text
from adapters_hub.format import CARD, FILE_NAME, MODULE_FILES
from adapters_hub.hub.asking import RacedError, ask, ask_for_file, one_line
from adapters_hub.hub.bounds import of_the_hub
from adapters_hub.hub.hub import HubError, HubUnreachableError, Listing, Pushed, Snapshot

logger = logging.getLogger(__name__)

_LIBRARY = "modular-sentence-encoders"
_RACES = 5
_BAD_REQUEST = 400
_AT_ONCE = 8  # files that are fetched in parallel
_PAGES, _LIST_SECONDS = 200, 300
_SHA256 = 64  # hexadecimal digits
_FETCHED = (*sorted(MODULE_FILES), CARD)


class RemoteHub:
    """The Hugging Face Hub."""

    def __init__(self) -> None:
        self._api = HfApi(library_name=_LIBRARY)

    @property
    def name(self) -> str:
        """The hub's name, for messages."""
        return ENDPOINT

    def snapshot(self, address: Address) -> Snapshot:
        """Resolve an address to the commit that it means now."""
        return ask(f"{address}", self._snapshot, address)

    def _snapshot(self, address: Address) -> Snapshot:
        info = self._api.model_info(
            address.repo, revision=address.revision, files_metadata=True, timeout=HF_HUB_ETAG_TIMEOUT
        )
        files = info.siblings or ()
        if not Address(address.repo, info.sha).is_pinned:
            raise TypeError(f"{info.sha!r} is no commit")
        digests = {file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in files}
        return Snapshot(
            address.repo,
            str(info.sha),
            {str(file.rfilename): int(file.size or 0) for file in files},
            {name: str(digest) for name, digest in digests.items() if digest},
        )

    def fetch(self, snapshot: Snapshot, names: Sequence[str]) -> Path:
        """Return the folder of a commit in the Hub's cache, with at least these files."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            files = list(pool.map(lambda name: self._file(snapshot, name), names))
        return files[0].parents[names[0].count("/")]

    def _file(self, snapshot: Snapshot, name: str) -> Path:
        path = self._download(snapshot, name)
        if name in (FILE_NAME, CARD) and not _is_the_hubs(path, snapshot.digests.get(name)):
            logger.warning("%s: %r is damaged; it is fetched again from the hub", path.parent, name)
            path = self._replace(snapshot, name, path)
            if not _is_the_hubs(path, snapshot.digests.get(name)):
                raise HubUnreachableError(
                    f"{snapshot.address}: {name!r} arrives with content that does not match the digest of {ENDPOINT}: "
                    "look for a proxy in between"
                )
        return path

    def _download(self, snapshot: Snapshot, name: str, *, again: bool = False) -> Path:
        file = ask_for_file(
            snapshot.address,
            snapshot.files.get(name),
            hf_hub_download,
            snapshot.repo,
            name,
            revision=snapshot.commit,
            library_name=_LIBRARY,
            force_download=again,
        )
        return Path(file)

    def _replace(self, snapshot: Snapshot, name: str, path: Path) -> Path:
        """Fetch a file once more."""
        # The client would keep what exists: a file in a cache without symbolic links, otherwise a link to old content.
        path.unlink(missing_ok=True)
        return self._download(snapshot, name, again=True)

    def cached(self, address: Address) -> tuple[Path, str] | None:
        """The folder of the files that were fetched for an address before, and their commit."""
        revision = self._remembered(address) or address.revision
        try:
            file = hf_hub_download(address.repo, FILE_NAME, revision=revision, local_files_only=True)
        except (LocalEntryNotFoundError, EntryNotFoundError, OSError, ValueError):
            return None
        folder = Path(file).parent
        return (folder, folder.name) if Address(address.repo, folder.name).is_pinned else None

    def remember(self, address: Address, commit: str) -> None:
        """Record what `cached` returns: the Hub's own cache does not know whether it has all files of a module."""
        if address.is_pinned:
            return
        try:
            write_text(self._record(address), f"{commit}\n")
        except AdaptersHubError as error:  # the module itself is there
            logger.warning("%s; while %s cannot be reached, %s will not be found", error, self.name, address)

    def _remembered(self, address: Address) -> str | None:
        try:
            commit = self._record(address).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):  # there is no record, or it is damaged
            return None
        return commit if Address(address.repo, commit).is_pinned else None

    def _record(self, address: Address) -> Path:
        hub = re.sub(r"\W+", "-", ENDPOINT)
        revision = urllib.parse.quote(address.revision or "main", safe="")
        return Path(HF_HOME) / "modular-sentence-encoders" / hub / address.repo / revision

    def mend(self, snapshot: Snapshot) -> bool:
        """Refetch the files of a commit whose local copies differ from the Hub's; return whether there were any."""
        mended = False
        for name in _FETCHED:
            try:
                file = hf_hub_download(snapshot.repo, name, revision=snapshot.commit, local_files_only=True)
            except (LocalEntryNotFoundError, EntryNotFoundError, OSError, ValueError):
                continue  # it was never fetched
            if not _is_the_hubs(Path(file), snapshot.digests.get(name)):
                self._replace(snapshot, name, Path(file))
                mended = True
        return mended

    def push(
        self, repo: str, files: Mapping[str, Path | bytes], *, private: bool, revision: str | None, message: str
    ) -> Pushed:
        """Make a repo hold these files, in one commit."""
        address = Address(repo, revision)
        if CARD in files:  # before the repo is created: a card that the Hub refuses must not leave an empty repo
            ask(repo, _validate, files[CARD])
        created = ask(repo, self._api.create_repo, repo, private=private, exist_ok=True)
        if revision is not None:
            ask(repo, self._api.create_branch, repo, branch=revision, exist_ok=True)
        before = None
        for _ in range(_RACES):
            info = ask(f"{address}", self._api.model_info, repo, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT)
            if private and not info.private:
                raise HubError(f"{repo} exists and is public: make it private in its settings, or leave out --private")
            head = str(info.sha)
            before = before or head
            present = {file.rfilename for file in info.siblings or ()}
            operations = [
                *(CommitOperationDelete(name) for name in sorted(present & MODULE_FILES - files.keys())),
                *(
                    CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
                    for name, content in files.items()
                ),
            ]
            for operation in operations:
                # One by one: the client would send several from its own threads, where `bounded` has no effect.
                if isinstance(operation, CommitOperationAdd) and isinstance(operation.path_or_fileobj, str):
                    ask(f"{address}", self._api.preupload_lfs_files, repo, [operation], revision=revision)
            try:
                # The parent is named so that two pushes at once cannot leave a mixture of their files.
                commit = ask(
                    f"{address}",
                    self._api.create_commit,  # type: ignore[arg-type]
                    repo,
                    operations,
                    commit_message=message,
                    revision=revision,
                    parent_commit=head,
                )
            except RacedError:
                logger.info("%s: someone else pushed meanwhile; trying again on top of that", address)
                continue
            # Not `!= head`: if the answer to a try was lost, the next try finds that try's commit as its head.
            return Pushed(repo, commit.oid, changed=commit.oid != before, url=str(created))
        raise HubError(f"{address}: others kept pushing to it; try again later")

    def search(self, *, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """The repos that have all these tags."""
        return ask("the list of modules", self._list, author, tags)

    def _list(self, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """Fetch all pages of a list. The client's own paging would send a token to any host that has the next page."""
        url: str | None = f"{ENDPOINT}/api/models"
        params = {"filter": list(tags), "expand": ["sha", "lastModified", "private", "tags"]}
        params |= {"author": [author]} if author else {}
        start, found = time.monotonic(), list[Listing]()
        turned: set[str] = set()
        while url is not None:
            answer = get_session().get(
                url,
                params=None if turned else params,
                headers=build_hf_headers(library_name=_LIBRARY),
                timeout=HF_HUB_ETAG_TIMEOUT,
            )
            hf_raise_for_status(answer)
            turned.add(url)
            page = answer.json()
            if not isinstance(page, list):
                raise TypeError("expected a list")
            found += [listing for facts in page if (listing := _listing(facts))]
            url = answer.links.get("next", {}).get("url")
            if url is not None and not of_the_hub(url):
                raise HubError(f"{ENDPOINT} has the next page at {url[:200]}, which is not the Hub: it is not asked")
            if url in turned or len(turned) > _PAGES or time.monotonic() - start > _LIST_SECONDS:
                raise HubUnreachableError(f"{ENDPOINT} does not come to the end of its list")
        return found


def _listing(facts: Any) -> Listing | None:  # noqa: ANN401
    """An entry of a list; None, with a warning, if it is malformed, so that the other entries still count."""
    try:
        model = ModelInfo(**facts)  # type: ignore[no-untyped-call]
        if Address.parse(model.id) != Address(model.id):
            raise ValueError(f"{model.id!r} is not the name of a repo")
        return Listing(
            repo=model.id,
            commit=str(model.sha or ""),
            modified=model.last_modified.isoformat(timespec="seconds") if model.last_modified else "",
            tags=tuple(map(str, model.tags or ())),
            private=bool(model.private),
        )
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        logger.warning("an entry in the list of %s is skipped: %s", ENDPOINT, one_line(error))
        return None


def _is_the_hubs(path: Path, digest: str | None) -> bool:
    """Whether a file matches the Hub's digest; True if the Hub gives none."""
    try:
        if digest is None or len(digest) == _SHA256:
            return digest is None or sha256(path) == digest
        content = path.read_bytes()  # a small file: large ones have a SHA-256
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == digest
    except OSError:
        return False


def _validate(card: Path | bytes) -> None:
    """Ask the Hub whether it accepts a card.

    Raises:
        ValueError: it does not; the message is the Hub's.
    """
    content = card if isinstance(card, bytes) else card.read_bytes()
    answer = get_session().post(
        f"{ENDPOINT}/api/validate-yaml",
        json={"content": content.decode("utf-8", errors="replace"), "repoType": "model"},
        headers=build_hf_headers(library_name=_LIBRARY),
    )
    if answer.status_code == _BAD_REQUEST:
        raise ValueError("; ".join(str(error["message"]) for error in answer.json()["errors"]))
    hf_raise_for_status(answer)
