"""Find modules on a hub by language, base, author and kind."""

from __future__ import annotations

import os
from typing import Literal

from adapters_hub.address import check_author
from adapters_hub.cards import LIBRARY, base_tag, kind_tag, language_tag
from adapters_hub.hub.connecting import connect
from adapters_hub.hub.hub import Hub, Listing
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


def _is_of(listing: Listing, language: str) -> bool:
    codes = [tag.removeprefix(_LANGUAGE) for tag in listing.tags if tag.startswith(_LANGUAGE)]
    return any(same_language(code, language) and ("_" in code or "_" not in language) for code in codes)
