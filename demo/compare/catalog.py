"""The catalogue of modules: what the owner offers, found by words or by name."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from adapters_hub.address import Address
from adapters_hub.errors import AdaptersHubError
from adapters_hub.hub import HubError, HubUnreachableError, Snapshot, connect, fetch_manifest, find_modules
from demo.compare.entries import Entry, Picks
from demo.compare.offer import Offer
from demo.limits.errors import DemoError
from demo.limits.settings import Settings

logger = logging.getLogger(__name__)

_SHOWN = 40
_KEPT = 500  # manifests of an open hub


class Catalog:
    """The modules that visitors may use.

    Args:
        settings: settings of the demo.

    Attributes:
        hub: the hub that has the modules.
        entries: the listed modules by repo.
        base: the base encoder's source; None if neither the owner nor a module names one.

    Raises:
        DemoError: there are no modules to offer.
        HubError: the hub cannot be reached.
    """

    def __init__(self, settings: Settings) -> None:
        self.hub = connect(settings.hub)
        self._settings = settings
        self._offer = Offer(settings, self.hub)
        self._lock = threading.Lock()
        self._listed: dict[str, Entry] = {}
        self._asked: dict[str, Entry] = {}
        self.entries: dict[str, Entry] = {}
        for address, named in self._offer.addresses():
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
        bases = [entry.manifest.base for entry in self.entries.values()]
        modules = (entry.manifest.base.source for entry in self.entries.values() if not entry.is_adapter)
        self.base = settings.base or next(modules, None)
        self._fingerprint = next((base.fingerprint for base in bases if base.source == self.base), None)
        self.entries = {name: entry for name, entry in self.entries.items() if self._fits(entry)}

    def default(self) -> Picks:
        """The first module by name of every language, with all adapters that were made for it."""
        modules: dict[str, Entry] = {}
        for entry in self.entries.values():
            if not entry.is_adapter:
                modules.setdefault(entry.language, entry)
        adapters = [entry for entry in self.entries.values() if entry.is_adapter and entry.belongs_to(modules)]
        return Picks.of([*modules.values(), *adapters])

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
        for repo in self._elsewhere(words) if self._settings.open_hub and words else ():
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
        if not self._offer.allows(address.repo):
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
        if not self._offer.allows_revision(address, snapshot.commit):
            raise DemoError(
                f"{address.repo!r} is offered here, but not every revision of it (found {address.revision!r}): "
                "leave @revision out"
            )
        entry = self._entry(snapshot)
        most = self._settings.limits.module_bytes
        if entry.manifest.size > most:
            raise DemoError(
                f"{entry.repo} has {entry.manifest.size / 1e6:.0f} MB, this demo loads modules of up to "
                f"{most / 1e6:.0f} MB: choose a smaller one"
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
        return Picks.of([self.resolve(name) for name in names])

    def _known(self, address: str) -> Entry | None:
        """The module that an address was resolved to before."""
        with self._lock:
            return self._listed.get(address) or self._asked.get(address)

    def _entry(self, snapshot: Snapshot) -> Entry:
        # The snapshot is pinned first, so that a visitor's text is an address, never a path on this machine.
        manifest, _ = fetch_manifest(snapshot.address, self.hub)
        return Entry(snapshot.repo, snapshot.commit, manifest)

    def _elsewhere(self, words: Sequence[str]) -> list[str]:
        """The repos of an open hub with all words in their name and tags."""
        try:
            listings = find_modules(hub=self.hub)
        except HubError as error:
            logger.warning("%s", error)
            raise DemoError("the hub does not answer: choose among the modules that are listed") from error
        return [item.repo for item in listings if all(word in f"{item.repo} {item.tags}".casefold() for word in words)]

    def _fits(self, entry: Entry) -> bool:
        """Whether a module was made for this demo's base, as far as that is known."""
        return self._fingerprint in (None, entry.manifest.base.fingerprint)
