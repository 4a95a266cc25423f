"""Publish a module folder as a repo: the module's own files and a card, nothing else, in one commit."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from jinja2 import TemplateError

from adapters_hub.address import Address
from adapters_hub.cards import Link, is_as_made, public_source, render_card, tags_of
from adapters_hub.errors import AdaptersHubError, ModuleFormatError, NewerFormatError
from adapters_hub.folders import inner_path
from adapters_hub.format import (
    CARD,
    FILE_NAME,
    AlignmentManifest,
    AnyManifest,
    Score,
    check_files,
    could_run,
    read_manifest,
    read_scores,
    scores_of,
)
from adapters_hub.hub.connecting import connect
from adapters_hub.hub.hub import Hub, HubError, HubUnreachableError, Pushed, Snapshot
from adapters_hub.hub.searching import links_of

REPORT = "evaluation/report.json"
# Names of weights and settings: a repo that has such files but no manifest holds some other model.
_OF_A_MODEL = re.compile(
    r"\.(safetensors|gguf|ggml|onnx|ot|msgpack|npz|model)$|(config|tokenizer|modules|index|vocab)[\w.-]*\.json$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Plan:
    """What a push will send.

    Attributes:
        address: `org/name`, and the branch if it is not `main`.
        hub: the hub to push to.
        manifest: the manifest as it will be published, with its scores.
        files: name in the repo to a local file, or to content that is made for the push.
        left_out: other files in the folder, which are not sent.
        warnings: problems that do not stop the push, such as missing scores or a missing licence.
    """

    address: Address
    hub: Hub
    manifest: AnyManifest
    files: Mapping[str, Path | bytes]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Name in the repo to size in bytes."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in self.files.items()
        }

    def send(self, *, private: bool = False, message: str | None = None) -> Pushed:
        """Carry out the push; arguments as for `push`.

        Raises:
            HubError: the hub cannot be reached or denies access.
        """
        return self.hub.push(
            self.address.repo,
            self.files,
            private=private,
            revision=self.address.revision,
            message=message or f"Publish {self.manifest.name}",
        )


def push(
    folder: str | os.PathLike[str],
    repo: str,
    *,
    hub: Hub | str | os.PathLike[str] | None = None,
    reports: Iterable[str | os.PathLike[str]] | None = None,
    license: str | None = None,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
) -> Pushed:
    """Publish a module: its files and a card, in one commit. Files that the repo already holds are not sent again.

    A `README.md` in the folder is the card as it is; otherwise the card is rendered.

    Args:
        folder: folder of a language module or an alignment adapter.
        repo: `org/name`; a push creates it if it does not exist.
        hub: see `connect`; it says what the repo holds, and where the two modules of an adapter are published.
        reports: reports of an evaluation; by default `evaluation/report.json` beside the folder, if it exists. Only
            scores of this very module are used.
        license: the Hub's identifier of a licence (`apache-2.0`); by default the one that the module states.
        private: make a new repo private.
        revision: branch to push to, which a push creates if it does not exist; by default `main`.
        message: commit message; by default it names the module.

    Raises:
        ModuleFormatError: the folder is not a sound module, or the repo holds a module of a newer format.
        HubError: `repo` or `revision` is not a valid name, the repo holds something else, or the hub cannot be reached
            or denies access.
    """
    plan = plan_push(folder, repo, hub=hub, reports=reports, license=license, revision=revision)
    return plan.send(private=private, message=message)


def plan_push(
    folder: str | os.PathLike[str],
    repo: str,
    *,
    hub: Hub | str | os.PathLike[str] | None = None,
    reports: Iterable[str | os.PathLike[str]] | None = None,
    license: str | None = None,
    revision: str | None = None,
) -> Plan:
    """Plan a push without sending anything; arguments and errors are those of `push`.

    The plan warns before a card is replaced that was written or changed by hand on the hub.
    """
    address, hub, folder = _branch(repo, revision), connect(hub), Path(folder)
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    present = _present(address, hub)
    if present is not None:
        _refuse_something_else(present, manifest, hub)

    warnings: list[str] = []
    scores = _scores(folder, manifest, reports, warnings)
    manifest = dataclasses.replace(
        manifest,
        license=manifest.license if license is None else license,
        training=_without_places(manifest.training),
        metrics=[score.to_record() for score in scores] or manifest.metrics,
    )
    if not manifest.metrics:
        warnings.append("no scores: evaluate the module, then push it again with --report")
    if not manifest.license:
        warnings.append("no licence: give one with --license")
    if public_source(manifest) is None:
        base = dataclasses.replace(manifest.base, source=PurePath(manifest.base.source).name)
        manifest = dataclasses.replace(manifest, base=base)
        warnings.append("the base encoder is a folder: whoever uses the module needs a copy of it")
    links = links_of(manifest, repo, hub) if isinstance(manifest, AlignmentManifest) else {}
    warnings += [
        f"the {link.language} module that it belongs to (fingerprint {link.fingerprint[:12]}) is not on the hub: "
        "push that module too, then push this adapter again"
        for link in links.values()
        if link.repo is None
    ]
    own_card = inner_path(folder, CARD)
    if own_card.is_file():
        card = own_card.read_bytes()
        warnings += _lacks(card.decode("utf-8", errors="replace"), manifest, repo)
    else:
        card = _made_card(folder, manifest, repo, links).encode()
    if present is not None:
        warnings += _replaces(present, card, hub)
    files: dict[str, Path | bytes] = {FILE_NAME: manifest.to_json().encode(), CARD: card}
    files |= {name: inner_path(folder, name) for name in manifest.needed_files}
    here = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    left_out = tuple(name for name in here if name not in files)
    return Plan(address, hub, manifest, files, left_out, tuple(warnings))


def _branch(repo: str, revision: str | None) -> Address:
    """The branch of a repo to push to."""
    address = Address(repo, revision)
    if Address.parse(repo) != Address(repo):
        raise HubError(f"{repo!r} is not the name of a repo: expected org/name, by the Hub's rules for names")
    if Address.parse(f"{address}") != address:
        raise HubError(f"{revision!r} cannot be the name of a branch")
    if address.is_pinned:
        raise HubError(f"{revision!r} is a commit, which never changes: expected the name of a branch to push to")
    return address


def _scores(
    folder: Path, manifest: AnyManifest, reports: Iterable[str | os.PathLike[str]] | None, warnings: list[str]
) -> list[Score]:
    """The module's scores in reports; a report that lies beside the folder and cannot be read is only a warning."""
    scores: list[Score] = []
    if reports is not None:
        scores = [score for path in reports for score in read_scores(Path(path))]
    elif (beside := folder.absolute().parent / REPORT).is_file():
        try:
            scores = read_scores(beside)
        except AdaptersHubError as error:
            warnings.append(str(error))
    return scores_of(manifest, scores)


def _refuse_something_else(snapshot: Snapshot, manifest: AnyManifest, hub: Hub) -> None:
    """Refuse a repo that holds another module or model, so that a mistyped name cannot overwrite it."""
    module = FILE_NAME in snapshot.files
    for name in snapshot.files:
        if could_run(name) or (not module and _OF_A_MODEL.search(name)):
            raise HubError(f"{snapshot.repo} holds {name!r}, so it is not the repo of a module: push to another repo")
    if not module:
        return
    try:
        present = read_manifest(hub.fetch(snapshot, [FILE_NAME])).name
    except NewerFormatError:
        raise
    except ModuleFormatError:
        return  # the push repairs it
    if present != manifest.name:
        raise HubError(f"{snapshot.repo} holds the module {present!r}, not {manifest.name!r}: push to another repo")


def _present(address: Address, hub: Hub) -> Snapshot | None:
    """The commit that a push builds on: the branch's, or `main`'s for a new branch; None if there is no such repo."""
    for place in dict.fromkeys((address, Address(address.repo))):
        try:
            return hub.snapshot(place)
        except HubUnreachableError:
            raise
        except HubError:
            continue
    return None


def _made_card(folder: Path, manifest: AnyManifest, repo: str, links: Mapping[str, Link]) -> str:
    try:
        return render_card(manifest, repo, links)
    except (TypeError, ValueError, AttributeError, LookupError, TemplateError) as error:
        raise ModuleFormatError(
            f"{folder / FILE_NAME}: its records are not as training writes them, so no card can be made ({error}): "
            f"write a {CARD} beside it, or train the module again"
        ) from error


def _lacks(card: str, manifest: AnyManifest, repo: str) -> Iterator[str]:
    """Warn of a tag or repo name that a card lacks because it was written by hand or made for another repo."""
    if missing := [text for text in (*tags_of(manifest), repo) if text not in card]:
        yield (
            f"the folder's {CARD} lacks {missing[0]!r}: modules are found by the tags of their cards; "
            "delete it to have one made"
        )


def _replaces(snapshot: Snapshot, card: bytes, hub: Hub) -> Iterator[str]:
    """Warn before a card that people wrote or changed is replaced."""
    if CARD not in snapshot.files:
        return
    present = inner_path(hub.fetch(snapshot, [CARD]), CARD).read_bytes()
    if present != card and not is_as_made(present.decode("utf-8", errors="replace")):
        yield (
            f"the {CARD} of {snapshot.repo} was written or changed by hand and will be replaced: to keep it, put it "
            "into the module's folder"
        )


def _without_places(value: Any) -> Any:  # noqa: ANN401
    """Cut absolute paths down to names: where files lie on the publisher's machine is private."""
    if isinstance(value, dict):
        return {key: _without_places(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_places(inner) for inner in value]
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value
