"""The settings that the owner of a demo chooses: the modules that visitors may use, and the limits."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Upper limits for one visitor's requests.

    Attributes:
        rows: sentences in the table; `characters` of each.
        columns: compositions side by side.
        file_bytes: bytes of an uploaded file.
        pairs: graded pairs that are scored.
        requests: requests that need computing, per minute and address.
        burst: requests that may come at once.
        module_bytes: bytes of a module, where visitors may name any module of a hub.
        waiting: requests in the queue; further ones are asked to try again later.
    """

    rows: int = 64
    characters: int = 500
    columns: int = 4
    file_bytes: int = 1 << 20
    pairs: int = 300
    requests: int = 240
    burst: int = 60
    module_bytes: int = 512 << 20
    waiting: int = 100


@dataclass(frozen=True)
class Settings:
    """Settings of a demo: the options of `python -m demo` of the same names.

    Without a `hub`, `$MSE_HUB` names it. Without `modules`, visitors may use all of a hub that is a folder, and none of
    the Hugging Face Hub.
    """

    hub: str | None = None
    modules: tuple[str, ...] = ()
    open_hub: bool = False
    base: str | None = None
    kept_languages: int = 24
    limits: Limits = field(default_factory=Limits)
