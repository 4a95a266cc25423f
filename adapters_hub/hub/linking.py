"""Find where the two modules of an alignment adapter are published, for the links on its card."""

from __future__ import annotations

from adapters_hub.address import Address
from adapters_hub.cards import LIBRARY, Link, module_tag
from adapters_hub.errors import ModuleFormatError
from adapters_hub.format import AlignmentManifest
from adapters_hub.hub.fetching import fetch_manifest
from adapters_hub.hub.hub import Hub, HubError, HubUnreachableError


def links_of(manifest: AlignmentManifest, repo: str, hub: Hub) -> dict[str, Link]:
    """Where an adapter's two modules are published: the recorded repos, else repos with their fingerprints."""
    owner = repo.partition("/")[0]
    links = {}
    for role, language, fingerprint, recorded in (
        ("target", manifest.language, manifest.target_fingerprint, manifest.target_module),
        ("pivot", manifest.pivot, manifest.pivot_fingerprint, manifest.pivot_module),
    ):
        found = recorded.partition("@")[0] or None
        links[role] = Link(language, fingerprint, found or _published(fingerprint, owner, hub))
    return links


def _published(fingerprint: str, owner: str, hub: Hub) -> str | None:
    """The repo of the module with a fingerprint; the owner's repo is preferred, since others may have copies."""
    try:
        listings = hub.search(author=None, tags=[LIBRARY, module_tag(fingerprint)])
    except HubUnreachableError:
        raise
    except HubError:  # the hub is a folder that the first push will create
        return None
    for listing in sorted(listings, key=lambda listing: (not listing.repo.startswith(f"{owner}/"), listing.repo)):
        try:
            found = fetch_manifest(Address(listing.repo, listing.commit), hub)[0]
        except HubUnreachableError:
            raise
        except (HubError, ModuleFormatError):  # anyone can write a tag, even in a repo that others cannot read
            continue
        if found.fingerprint == fingerprint:
            return listing.repo
    return None
