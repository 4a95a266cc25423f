"""The Hugging Face Hub, through `huggingface_hub`: its token, its cache, its environment variables."""

from __future__ import annotations

import json
import logging
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    ModelInfo,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.constants import ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_ETAG_TIMEOUT
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError
from adapters_hub.folders import write_text
from adapters_hub.format import FILE_NAME, MODULE_FILES
from adapters_hub.hub.hub import HubError, HubUnreachableError, Listing, Pushed, Snapshot

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

_WAITS = (0.5, 1.0, 2.0)  # seconds between tries while the Hub says that it is busy or broken
_RACES = 5
_CONFLICT = 412


class RemoteHub:
    """The Hugging Face Hub."""

    def __init__(self) -> None:
        self._api = HfApi(library_name="modular-sentence-encoders")

    @property
    def name(self) -> str:
        """For messages."""
        return ENDPOINT

    def snapshot(self, address: Address) -> Snapshot:
        """The commit that an address means now."""
        info = _ask(
            f"{address}",
            self._api.model_info,
            address.repo,
            revision=address.revision,
            files_metadata=True,
            timeout=HF_HUB_ETAG_TIMEOUT,
        )
        return Snapshot(address.repo, str(info.sha), {file.rfilename: file.size or 0 for file in info.siblings or ()})

    def fetch(self, snapshot: Snapshot, names: Sequence[str]) -> Path:
        """The folder of a commit in the Hub's cache, with at least these files."""
        repo, commit = snapshot.repo, snapshot.commit
        if len(names) == 1:
            file = _ask(snapshot.address, hf_hub_download, repo, names[0], revision=commit)
            return Path(file).parents[names[0].count("/")]
        folder = Path(_ask(snapshot.address, snapshot_download, repo, revision=commit, allow_patterns=list(names)))
        if missing := [name for name in names if not (folder / name).is_file()]:
            raise HubUnreachableError(f"{snapshot.address}: {missing[0]!r} could not be fetched from {self.name}")
        return folder

    def cached(self, address: Address) -> tuple[Path, str] | None:
        """The folder with what was fetched of an address before, and its commit."""
        record = self._record(address)
        revision = record.read_text(encoding="utf-8").strip() if record.is_file() else address.revision
        try:
            file = hf_hub_download(address.repo, FILE_NAME, revision=revision, local_files_only=True)
        except (LocalEntryNotFoundError, EntryNotFoundError, OSError, ValueError):
            return None
        return Path(file).parent, Path(file).parent.name

    def remember(self, address: Address, commit: str) -> None:
        """Note what `cached` shall give: the Hub's own cache knows of commits, not of modules that are whole."""
        if address.is_pinned:
            return
        try:
            write_text(self._record(address), f"{commit}\n")
        except AdaptersHubError as error:  # the module itself is there
            logger.warning("%s; without %s, %s will not be found", error, self.name, address)

    def _record(self, address: Address) -> Path:
        hub = re.sub(r"\W+", "-", ENDPOINT)
        revision = urllib.parse.quote(address.revision or "main", safe="")
        return Path(HF_HOME) / "modular-sentence-encoders" / hub / address.repo / revision

    def mend(self, snapshot: Snapshot) -> bool:
        """Fetch again, of what was fetched of a commit, the files that are not the Hub's; whether there were any."""
        what, repo, commit = snapshot.address, snapshot.repo, snapshot.commit
        damaged = _ask(what, self._api.verify_repo_checksums, repo, revision=commit).mismatches
        for file in damaged:
            _ask(what, hf_hub_download, repo, file["path"], revision=commit, force_download=True)
        return bool(damaged)

    def push(
        self, repo: str, files: Mapping[str, Path | bytes], *, private: bool, revision: str | None, message: str
    ) -> Pushed:
        """Make a repo hold these files, in one commit."""
        address = Address(repo, revision)
        created = _ask(repo, self._api.create_repo, repo, private=private, exist_ok=True)
        if revision is not None:
            _ask(repo, self._api.create_branch, repo, branch=revision, exist_ok=True)
        before = None
        for _ in range(_RACES):
            info = _ask(f"{address}", self._api.model_info, repo, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT)
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
            try:
                # The parent is named, or two pushes at once could leave some files of one and some of the other.
                commit = _ask(
                    f"{address}",
                    self._api.create_commit,  # type: ignore[arg-type]
                    repo,
                    operations,
                    commit_message=message,
                    revision=revision,
                    parent_commit=head,
                )
            except _RacedError:
                logger.info("%s: someone else pushed meanwhile; trying again on top of that", address)
                continue
            # Not `head`: the answer to the first try may have been lost, and the second finds its own commit there.
            return Pushed(repo, commit.oid, changed=commit.oid != before, url=str(created))
        raise HubError(f"{address}: others kept pushing to it; try again later")

    def search(self, *, author: str | None, tags: Sequence[str]) -> list[Listing]:
        """The repos that have all these tags."""
        models = _ask("the list of modules", self._list, author, tags)
        return [
            Listing(
                repo=model.id,
                commit=model.sha or "",
                modified=model.last_modified.isoformat(timespec="seconds") if model.last_modified else "",
                tags=tuple(model.tags or ()),
                private=bool(model.private),
            )
            for model in models
        ]

    def _list(self, author: str | None, tags: Sequence[str]) -> list[ModelInfo]:
        return list(self._api.list_models(author=author, filter=tags, full=True))


class _RacedError(HubError):
    """The branch has moved since its head was asked for."""


def _ask(
    what: str, call: Callable[Arguments, Result], *arguments: Arguments.args, **options: Arguments.kwargs
) -> Result:
    """Call the Hub; again while it is busy or broken; and tell in one line what stands in the way."""
    for wait in (*_WAITS, None):
        try:
            return call(*arguments, **options)
        except (RepositoryNotFoundError, GatedRepoError) as error:
            raise HubError(
                f"{what} is not on {ENDPOINT}, or it is private or gated and you are not logged in as someone who may "
                "see it: check the name, or run hf auth login"
            ) from error
        except RevisionNotFoundError as error:
            raise HubError(f"{what}: {ENDPOINT} has this repo, but not this revision") from error
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status == _CONFLICT:
                raise _RacedError(what) from error
            if status == 401:
                raise HubError(
                    f"{what}: {ENDPOINT} asks for a token, or does not take yours (401): run hf auth login, or set "
                    "HF_TOKEN anew"
                ) from error
            if status == 403:
                raise HubError(
                    f"{what}: {ENDPOINT} does not let you (403): run hf auth login with a token that may write there"
                ) from error
            if status < 500 and status not in (408, 429):
                raise HubError(f"{what}: {ENDPOINT} refused: {_one_line(error)}") from error
            reason = f"answers {status}"
        except OfflineModeIsEnabled as error:
            raise HubUnreachableError(f"{what}: {ENDPOINT} is not asked while HF_HUB_OFFLINE is set") from error
        except EntryNotFoundError as error:
            raise HubUnreachableError(f"{what}: {_one_line(error)}") from error
        except json.JSONDecodeError as error:
            raise HubUnreachableError(
                f"{what}: what answers at {ENDPOINT} is not the Hub: look for a proxy or a login page in between"
            ) from error
        except ValueError as error:  # what it says of a card that it cannot take
            raise HubError(f"{what}: {ENDPOINT} refused: {_one_line(error)}") from error
        except httpx2.TimeoutException:
            reason = "did not answer in time"
        except (httpx2.TransportError, OSError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # of this machine's disk, not of the network
                raise HubError(f"{what}: {error.strerror}: {error.filename or HF_HUB_CACHE}") from error
            # A cut connection is tried again; a Hub that is not there at all is not waited for.
            reason = f"cannot be reached ({_one_line(error)})"
            if isinstance(error.__cause__, HfHubHTTPError):  # of an upload, which the client has tried again itself
                reason = f"answers {error.__cause__.response.status_code} ({_one_line(error)})"
                break
            if isinstance(error, httpx2.ConnectError):
                break
        if wait is not None:
            logger.warning("%s %s; trying again in %.1f s", ENDPOINT, reason, wait)
            time.sleep(wait)
    raise HubUnreachableError(f"{what}: {ENDPOINT} {reason}: try again later")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
