"""The Hugging Face Hub through `huggingface_hub`, with its token, cache and environment variables."""

from __future__ import annotations

import functools
import logging
import time
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
from huggingface_hub.constants import ENDPOINT, HF_HUB_ETAG_TIMEOUT
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from adapters_hub.address import Address
from adapters_hub.format import CARD, FILE_NAME, MODULE_FILES
from adapters_hub.hub.asking import RacedError, ask, shortened
from adapters_hub.hub.bounds import of_the_hub
from adapters_hub.hub.cache import cached_file, cached_module, is_whole, remember
from adapters_hub.hub.hub import Hub, HubError, HubUnreachableError, Listing, Pushed, Snapshot

logger = logging.getLogger(__name__)

_LIBRARY = "modular-sentence-encoders"
_RACES = 5
_BAD_REQUEST = 400
_AT_ONCE = 8  # files that are fetched in parallel
_PAGES, _LIST_SECONDS = 200, 300
_FETCHED = (*sorted(MODULE_FILES), CARD)


class RemoteHub(Hub):
    """The Hugging Face Hub."""

    name = ENDPOINT

    def __init__(self) -> None:
        self._api = HfApi(library_name=_LIBRARY)

    def snapshot(self, address: Address) -> Snapshot:
        """Resolve an address to the commit that it means now."""
        return ask(f"{address}", lambda: self._snapshot(address))

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

    def fetch_module(self, address: Address, *, weights: bool = True, card: bool = False) -> tuple[Path, str]:
        """Fetch a module; from the cache, if that has all of a pinned commit, or if the Hub does not answer."""
        if address.is_pinned and (known := cached_module(address, weights=weights, card=card)):
            return known
        try:
            fetched = super().fetch_module(address, weights=weights, card=card)
        except HubUnreachableError as error:
            known = cached_module(address, weights=weights, card=False)
            if known is None:
                raise HubUnreachableError(f"{error}; and no whole copy of {address} was fetched before") from error
            logger.warning("%s; using what was fetched before: %s", error, known[1])
            return known
        if weights:
            remember(address, fetched[0].name)
        return fetched

    def mend(self, address: Address) -> bool:
        """Fetch damaged local copies of a commit's files again; return whether there were any and the Hub answered."""
        try:
            snapshot = self.snapshot(address)
            damaged = [
                name
                for name in _FETCHED
                if (path := cached_file(snapshot.repo, name, snapshot.commit)) and not is_whole(path, snapshot, name)
            ]
            for name in damaged:
                self._download(snapshot, name, again=True)
        except HubError:
            return False
        return bool(damaged)

    def _file(self, snapshot: Snapshot, name: str) -> Path:
        path = self._download(snapshot, name)
        if name not in (FILE_NAME, CARD) or is_whole(path, snapshot, name):
            return path
        logger.warning("%s: %r is damaged; it is fetched again from the hub", path.parent, name)
        path = self._download(snapshot, name, again=True)
        if not is_whole(path, snapshot, name):
            raise HubUnreachableError(
                f"{snapshot.address}: {name!r} arrives with content that does not match the digest of {ENDPOINT}: "
                "look for a proxy in between"
            )
        return path

    def _download(self, snapshot: Snapshot, name: str, *, again: bool = False) -> Path:
        if again and (present := cached_file(snapshot.repo, name, snapshot.commit)):
            # The client would keep what exists: a file in a cache without symbolic links, otherwise a link to old
            # content.
            present.unlink(missing_ok=True)

        def download() -> str:
            return hf_hub_download(
                snapshot.repo, name, revision=snapshot.commit, library_name=_LIBRARY, force_download=again
            )

        return Path(ask(snapshot.address, download, snapshot.files.get(name)))

    def push(
        self, repo: str, files: Mapping[str, Path | bytes], *, private: bool, revision: str | None, message: str
    ) -> Pushed:
        """Make a repo hold these files, in one commit."""
        address = Address(repo, revision)
        # Before the repo is created: a card that the Hub refuses must not leave an empty repo.
        ask(repo, lambda: _validate(files[CARD]))
        created = ask(repo, lambda: self._api.create_repo(repo, private=private, exist_ok=True))
        if revision is not None:
            ask(repo, lambda: self._api.create_branch(repo, branch=revision, exist_ok=True))
        before = None
        for _ in range(_RACES):
            info = ask(f"{address}", lambda: self._api.model_info(repo, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT))
            if private and not info.private:
                raise HubError(f"{repo} exists and is public: make it private in its settings, or leave out --private")
            before = before or info.sha
            try:
                commit = self._commit(address, info, files, message)
            except RacedError as error:
                logger.info("%s; trying again on top of that", error)
                continue
            # Not `!= info.sha`: if the answer to a try was lost, the next try finds that try's commit as its head.
            return Pushed(repo, commit, changed=commit != before, url=str(created))
        raise HubError(f"{address}: others kept pushing to it; try again later")

    def _commit(self, address: Address, head: ModelInfo, files: Mapping[str, Path | bytes], message: str) -> str:
        """Commit on top of `head`, and return the id of the commit; it is `head` if nothing differs.

        Raises:
            RacedError: the branch has another head by now.
        """
        present = {file.rfilename for file in head.siblings or ()}
        deletions = [CommitOperationDelete(name) for name in sorted(present & MODULE_FILES - files.keys())]
        additions = [
            CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
            for name, content in files.items()
        ]

        for addition in additions:
            # One by one: the client would send several from its own threads, where `bounded` has no effect.
            if isinstance(addition.path_or_fileobj, str):
                send = functools.partial(self._api.preupload_lfs_files, revision=address.revision)
                ask(f"{address}", functools.partial(send, address.repo, [addition]))
        commit = ask(
            f"{address}",
            lambda: self._api.create_commit(
                address.repo,
                [*deletions, *additions],
                commit_message=message,
                revision=address.revision,
                parent_commit=head.sha,  # so that two pushes at once cannot leave a mixture of their files
            ),
        )
        return commit.oid

    def search(self, *, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """The repos that have all these tags."""
        return ask("the list of modules", lambda: self._list(author, tags))

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
        logger.warning("an entry in the list of %s is skipped: %s", ENDPOINT, shortened(error))
        return None


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
