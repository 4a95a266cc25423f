"""What the owner of a demo decides: which modules visitors reach, and how much they may ask for."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """What one visitor may ask for.

    Attributes:
        rows: sentences in the table.
        characters: of one sentence.
        columns: compositions side by side.
        file_bytes: of an uploaded file.
        pairs: graded pairs that are scored.
        requests: that take computing, a minute and address.
        burst: requests that may come at once.
        module_bytes: of a module, where visitors may name any of a hub.
        waiting: requests that may wait for their turn; who comes later is told to try again.
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
    """How a demo is run.

    Attributes:
        hub: a folder that acts as a hub; by default `$MSE_HUB`, and without that the Hugging Face Hub.
        modules: what visitors may reach, as `org/name[@revision]` or patterns such as `org/*`. Empty: everything in
            the hub if it is a folder, nothing if it is the Hub.
        open_hub: visitors may reach any module of the hub.
        base: the base encoder; by default that of the first module.
        kept_languages: language modules in memory at once; beyond that the least recently used one is unloaded.
        trusted_proxy: take a visitor's address from X-Forwarded-For, which only a proxy in front makes true.
        limits: see there.
    """

    hub: str | None = None
    modules: tuple[str, ...] = ()
    open_hub: bool = False
    base: str | None = None
    kept_languages: int = 24
    trusted_proxy: bool = False
    limits: Limits = field(default_factory=Limits)
