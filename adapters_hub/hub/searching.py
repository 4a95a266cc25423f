"""Find modules on a hub by what they are."""

from __future__ import annotations

import os
from typing import Literal

from adapters_hub.address import check_author
from adapters_hub.cards import LIBRARY, base_tag, kind_tag, language_tag
from adapters_hub.hub.connecting import connect
from adapters_hub.hub.hub import Hub, Listing
from adapters_hub.languages import check_language


def find_modules(
    *,
    language: str | None = None,
    base: str | None = None,
    author: str | None = None,
    kind: Literal["module", "alignment"] | None = None,
    hub: Hub | str | os.PathLike[str] | None = None,
) -> list[Listing]:
    """The modules on a hub, by name.

    Args:
        language: ISO 639-3; with a script only modules that name the script.
        base: Hub id or `package:…` of the base encoder.
        author: user or organisation.
        kind: `module` for language modules, `alignment` for alignment adapters.
        hub: see `connect`.

    Raises:
        HubError: the hub cannot be reached.
        AdaptersHubError: there can be no such language or author.
    """
    tags = [LIBRARY]
    if author is not None:
        check_author(author)
    if language is not None:
        tags.append(language_tag(check_language(language)))
    if base is not None:
        tags.append(base_tag(base))
    if kind is not None:
        tags.append(kind_tag("language_module" if kind == "module" else "alignment_adapter"))
    return sorted(connect(hub).search(author=author, tags=tags), key=lambda listing: listing.repo)
