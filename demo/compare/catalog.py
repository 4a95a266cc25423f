"""The modules that visitors may use: those that the owner lists or, if the owner allows it, all of a hub."""

from __future__ import annotations

import fnmatch
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError
from adapters_hub.format import AlignmentManifest, LanguageModuleManifest
from adapters_hub.hub import Hub, HubError, HubUnreachableError, Snapshot, connect, fetch_manifest, find_modules
from adapters_hub.hub.local import LocalHub
from adapters_hub.languages import autonym, language_name
from demo.limits.errors import DemoError
from demo.limits.settings import Settings

logger = logging.getLogger(__name__)

_SHOWN = 40
_KEPT = 500  # manifests of an open hub
_COMMIT = 8  # hexadecimal digits that people see


@dataclass(frozen=True)
class Entry:
    """A module on offer, at one commit.

    Attributes:
        repo: `org/name`.
        commit: 40 hexadecimal digits.
        manifest: the module's manifest.
    """

    repo: str
    commit: str
    manifest: LanguageModuleManifest | AlignmentManifest

    @property
    def address(self) -> str:
        """`org/name@commit`, the address to fetch it from."""
        return f"{self.repo}@{self.commit}"

    @property
    def language(self) -> str:
        """ISO 639-3."""
        return self.manifest.language

    @property
    def is_adapter(self) -> bool:
        """Whether it is an alignment adapter."""
        return isinstance(self.manifest, AlignmentManifest)

    @property
    def short_commit(self) -> str:
        """The commit's first digits, for display."""
        return self.commit[:_COMMIT]

    @property
    def title(self) -> str:
        """One line that distinguishes it from other modules."""
        size = f"{self.manifest.size / 1e6:.1f} MB"
        if isinstance(self.manifest, AlignmentManifest):
            what = f"{language_name(self.language)} to {language_name(self.manifest.pivot)}, {self.manifest.objective}"
        else:
            what = language_name(self.language)
        return f"{self.repo} · {what} · {size} · {self.short_commit}"

    def matches(self, words: Iterable[str]) -> bool:
        """Whether all words are in its name, language or kind."""
        kind = "alignment adapter" if self.is_adapter else "language module"
        names = f"{language_name(self.language)} {autonym(self.language)}"
        text = f"{self.title} {kind} {self.language} {names}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True)
class Picks:
    """The modules that a visitor composes: at most one per language, and one adapter per language and objective."""

    modules: dict[str, Entry]
    adapters: dict[str, dict[str, Entry]]

    @property
    def entries(self) -> list[Entry]:
        """All modules, each before its adapters."""
        return [
            entry for code, module in self.modules.items() for entry in (module, *self.adapters.get(code, {}).values())
        ]

    @property
    def names(self) -> list[str]:
        """Their addresses, as `Catalog.pick` takes them."""
        return [entry.address for entry in self.entries]

    def objectives(self, language: str) -> list[str]:
        """The objectives of a language's adapters."""
        return list(self.adapters.get(language, {}))


class Catalog:
    """The modules that visitors may use.

    Args:
        settings: settings of the demo.
        hub: the hub to use instead of that of the settings.

    Raises:
        DemoError: there are no modules to offer.
        HubError: the hub cannot be reached.
    """

    def __init__(self, settings: Settings, hub: Hub | None = None) -> None:
        self.hub = connect(hub or settings.hub)
        self._settings = settings
        self._lock = threading.Lock()
        self._listed: dict[str, Entry] = {}
        self._asked: dict[str, Entry] = {}
        self.entries: dict[str, Entry] = {}
        for address, named in self._addresses():
            try:
                entry = self._entry(self.hub.snapshot(address))
            except HubUnreachableError:
                raise
            except AdaptersHubError as error:
                if named:
                    raise
                logger.warning("%s is left out: %s", address, error)
                continue
            self._listed |= {str(address): entry, entry.address: entry}
            self.entries[entry.repo] = entry
        if not self.entries and not settings.open_hub:
            raise DemoError(
                f"there are no modules in {settings.hub or self.hub.name}: publish some (make quickstart and "
                "adapters-hub push), or name another --hub"
            )
        self.base = settings.base or self._first_base()
        self.fingerprint = next(
            (e.manifest.base.fingerprint for e in self.entries.values() if e.manifest.base.source == self.base), None
        )
        if self.fingerprint is not None:
            self.entries = {name: entry for name, entry in self.entries.items() if self._fits(entry)}

    def default(self) -> Picks:
        """The first module by name of every language, with all adapters that were made for it."""
        modules: dict[str, Entry] = {}
        for entry in self.entries.values():
            if not entry.is_adapter:
                modules.setdefault(entry.language, entry)
        adapters = [entry for entry in self.entries.values() if entry.is_adapter and _belongs(entry, modules)]
        return _compose([*modules.values(), *adapters])

    def search(self, text: str) -> list[Entry]:
        """Find modules by words in their name, language or kind; `org/name@revision` finds that revision.

        Raises:
            HubError: the hub does not answer.
        """
        text = " ".join(text.split())[:120]
        if Address.parse(text) and "@" in text:
            return [self.resolve(text)]
        words = text.casefold().split()
        found = {entry.repo: entry for entry in self.entries.values() if entry.matches(words)}
        if self._settings.open_hub and words:
            for repo in self._elsewhere(words):
                if repo not in found and len(found) < _SHOWN:
                    try:
                        entry = self.resolve(repo)
                    except AdaptersHubError as error:
                        logger.info("passed over: %s", error)
                        continue
                    if self._fits(entry):
                        found[repo] = entry
        return list(found.values())[:_SHOWN]

    def resolve(self, text: str) -> Entry:
        """The module that `org/name[@revision]` names, if visitors may use it.

        Raises:
            DemoError: the text is not an address, or the module is not offered.
            HubError: the hub does not have the module.
        """
        address = Address.parse(text) if isinstance(text, str) else None
        if address is None:
            raise DemoError(f"expected a module as org/name or org/name@revision, found {str(text)[:80]!r}")
        if not self._allows(address.repo):
            offered = ", ".join(list(self.entries)[:8]) or "none"
            raise DemoError(
                f"the module {address.repo!r} is not offered here (offered: {offered}): choose one of these"
            )
        if (known := self._known(str(address))) is not None:
            return known
        if address.revision is None and address.repo in self.entries:
            return self.entries[address.repo]
        snapshot = self.hub.snapshot(address)
        if (known := self._known(snapshot.address)) is not None:
            return known
        if not self._is_owners(address, snapshot.commit):
            raise DemoError(
                f"{address.repo!r} is offered here, but not every revision of it (found {address.revision!r}): "
                "leave @revision out"
            )
        entry = self._entry(snapshot)
        if entry.manifest.size > self._settings.limits.module_bytes:
            raise DemoError(
                f"{entry.repo} has {entry.manifest.size / 1e6:.0f} MB, this demo loads modules of up to "
                f"{self._settings.limits.module_bytes / 1e6:.0f} MB: choose a smaller one"
            )
        with self._lock:
            self._asked[entry.address] = entry
            while len(self._asked) > _KEPT:
                self._asked.pop(next(iter(self._asked)))
        return entry

    def pick(self, names: Sequence[str] | None) -> Picks:
        """The modules of these names; None: the default ones.

        Raises:
            DemoError: a module is not offered, or an adapter was made for other modules.
        """
        if names is None:
            return self.default()
        if not isinstance(names, list | tuple) or len(names) > 200:
            raise DemoError("expected a list of up to 200 modules, each org/name or org/name@revision")
        return _compose([self.resolve(name) for name in names])

    def _known(self, address: str) -> Entry | None:
        """The module that an address was resolved to before."""
        with self._lock:
            return self._listed.get(address) or self._asked.get(address)

    def _addresses(self) -> Iterable[tuple[Address, bool]]:
        """The addresses of the modules that the owner lists, and whether each is named exactly, not by a pattern."""
        patterns = self._settings.modules
        exact = [name for name in patterns if not set("*?[") & set(name)]
        owners = {name.partition("/")[0] for name in patterns if name not in exact}
        for name in exact:
            address = Address.parse(name)
            if address is None:
                raise DemoError(f"expected org/name[@revision] or a pattern such as org/*, found {name!r}")
            yield address, True
        if patterns and not owners:
            return
        if not patterns and not isinstance(self.hub, LocalHub):
            if not self._settings.open_hub:
                raise DemoError(
                    "no modules: list some with --module org/name, or let visitors reach all with --open-hub"
                )
            return
        authors: Sequence[str | None] = [None] if not patterns or "*" in "".join(owners) else sorted(owners)
        for author in authors:
            for listing in find_modules(author=author, hub=self.hub):
                if self._allows(listing.repo):
                    yield Address(listing.repo, listing.commit or None), False

    def _allows(self, repo: str) -> bool:
        patterns = [pattern.partition("@")[0] for pattern in self._settings.modules]
        if self._settings.open_hub or any(fnmatch.fnmatchcase(repo, pattern) for pattern in patterns):
            return True
        return not patterns and isinstance(self.hub, LocalHub)

    def _is_owners(self, address: Address, commit: str) -> bool:
        """Whether all revisions of the repo are offered, and this one is the work of the repo's owner.

        On the Hub anybody can add commits to a repo through a pull request: `refs/pr/1`, or the id of such a commit.
        """
        if self._settings.open_hub:
            return True
        patterns = [pattern for pattern in self._settings.modules if "@" not in pattern]
        if self._settings.modules and not any(fnmatch.fnmatchcase(address.repo, pattern) for pattern in patterns):
            return False
        revision = address.revision or ""
        named = not revision.startswith(("refs/", "pr/")) and not (revision and commit.startswith(revision.lower()))
        return named or isinstance(self.hub, LocalHub)

    def _entry(self, snapshot: Snapshot) -> Entry:
        # The snapshot is pinned first, so that a visitor's text is an address, never a path on this machine.
        manifest, _ = fetch_manifest(snapshot.address, self.hub)
        return Entry(snapshot.repo, snapshot.commit, manifest)

    def _elsewhere(self, words: Sequence[str]) -> list[str]:
        try:
            listings = find_modules(hub=self.hub)
        except HubError as error:
            logger.warning("%s", error)
            raise DemoError("the hub does not answer: choose among the modules that are listed") from error
        return [item.repo for item in listings if all(word in f"{item.repo} {item.tags}".casefold() for word in words)]

    def _first_base(self) -> str | None:
        modules = (entry.manifest.base.source for entry in self.entries.values() if not entry.is_adapter)
        return next(modules, None)

    def _fits(self, entry: Entry) -> bool:
        return self.fingerprint is None or entry.manifest.base.fingerprint == self.fingerprint


def _belongs(entry: Entry, modules: dict[str, Entry]) -> bool:
    """Whether an adapter was made for its language's module and, if the pivot has a module here, for that one."""
    manifest = entry.manifest
    assert isinstance(manifest, AlignmentManifest)
    module, pivot = modules.get(entry.language), modules.get(manifest.pivot)
    if module is None or module.manifest.fingerprint != manifest.target_fingerprint:
        return False
    return pivot is None or pivot.manifest.fingerprint == manifest.pivot_fingerprint


def _compose(entries: Sequence[Entry]) -> Picks:
    modules = {entry.language: entry for entry in entries if not entry.is_adapter}
    adapters: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        if not isinstance(entry.manifest, AlignmentManifest):
            continue
        if entry.language not in modules:
            raise DemoError(
                f"the alignment adapter {entry.repo} needs the language module of {entry.language!r}: choose that too"
            )
        if not _belongs(entry, modules):
            raise DemoError(
                f"the alignment adapter {entry.repo} was made for other modules than those chosen for "
                f"{entry.language!r} and {entry.manifest.pivot!r}: choose those, or leave it out"
            )
        adapters.setdefault(entry.language, {})[entry.manifest.objective] = entry
    return Picks(modules, adapters)
