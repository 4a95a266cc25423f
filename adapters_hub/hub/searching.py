"""Find modules on a hub: by language, base, author and kind, or those that an alignment adapter belongs to."""

from __future__ import annotations

import os
from typing import Literal

from adapters_hub.address import Address, check_author
from adapters_hub.cards import LIBRARY, Link, base_tag, kind_tag, language_tag, module_tag
from adapters_hub.errors import ModuleFormatError
from adapters_hub.format import AlignmentManifest
from adapters_hub.hub.connecting import connect
from adapters_hub.hub.fetching import fetch_manifest
from adapters_hub.hub.hub import Hub, HubError, HubUnreachableError, Listing
from adapters_hub.languages import check_language, same_language

_LANGUAGE = language_tag("")


def find_modules(
    *,
    language: str | None = None,
    base: str | None = None,
    author: str | None = None,
    kind: Literal["module", "alignment"] | None = None,
    hub: Hub | str | os.PathLike[str] | None = None,
) -> list[Listing]:
    """The modules on a hub that match every given condition, sorted by name.

    Args:
        language: ISO 639-3 code. It also finds modules of its macro-language, and the other way round (`uzb` and
            `uzn`). A code with a script finds only modules that name the script.
        base: Hub id or `package:…` of the base encoder.
        author: user or organisation.
        kind: `module` for language modules, `alignment` for alignment adapters.
        hub: see `connect`.

    Raises:
        HubError: the hub cannot be reached.
        AdaptersHubError: `language` or `author` is not valid.
    """
    tags = [LIBRARY]
    if author is not None:
        check_author(author)
    if language is not None:
        check_language(language)
    if base is not None:
        tags.append(base_tag(base))
    if kind is not None:
        tags.append(kind_tag("language_module" if kind == "module" else "alignment_adapter"))
    found = connect(hub).search(author=author, tags=tags)
    # The hub could only compare tags, but different codes can mean the same language.
    fitting = (listing for listing in found if language is None or _is_of(listing, language))
    return sorted(fitting, key=lambda listing: listing.repo)


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


def _is_of(listing: Listing, language: str) -> bool:
    codes = [tag.removeprefix(_LANGUAGE) for tag in listing.tags if tag.startswith(_LANGUAGE)]
    return any(same_language(code, language) and ("_" in code or "_" not in language) for code in codes)


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
