"""Choose the hub: the Hugging Face Hub, or a folder that acts as one."""

from __future__ import annotations

import os
from pathlib import Path

from adapters_hub.hub.hub import Hub
from adapters_hub.hub.local import LocalHub
from adapters_hub.hub.remote import RemoteHub

LOCAL_HUB_VARIABLE = "MSE_HUB"


def connect(hub: Hub | str | os.PathLike[str] | None = None) -> Hub:
    """The hub to use.

    Args:
        hub: a hub, or a folder that acts as one (the first push creates it); by default the folder `$MSE_HUB`, or the
            Hugging Face Hub if that is not set.
    """
    if hub is None:
        hub = os.environ.get(LOCAL_HUB_VARIABLE) or None
    if hub is None:
        return RemoteHub()
    return LocalHub(Path(hub)) if isinstance(hub, str | os.PathLike) else hub
