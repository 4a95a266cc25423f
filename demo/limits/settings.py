"""The settings that the owner of a demo chooses: the modules that visitors may use, and the limits."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Upper limits for one visitor's requests.

    Attributes:
        rows: sentences in the table.
        characters: characters of a sentence.
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
    """Settings of a demo.

    Attributes:
        hub: a folder that acts as a hub; by default `$MSE_HUB`, and without that the Hugging Face Hub.
        modules: the modules that visitors may use, as `org/name[@revision]` or patterns such as `org/*`. Empty: all
            modules of the hub if it is a folder, none if it is the Hugging Face Hub.
        open_hub: visitors may use any module of the hub.
        base: the base encoder; by default that of the first module.
        kept_languages: maximum number of language modules in memory; the least recently used one is unloaded first.
        limits: upper limits for visitors' requests.
    """

    hub: str | None = None
    modules: tuple[str, ...] = ()
    open_hub: bool = False
    base: str | None = None
    kept_languages: int = 24
    limits: Limits = field(default_factory=Limits)
