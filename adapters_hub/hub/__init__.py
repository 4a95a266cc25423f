"""Hubs, where modules are published, found and fetched: the Hugging Face Hub, or a folder that acts as one."""

from adapters_hub.hub.connecting import connect
from adapters_hub.hub.fetching import Fetched, copy_module, fetch_checked, fetch_manifest, fetch_module
from adapters_hub.hub.hub import Hub, HubError, HubUnreachableError, Listing, Pushed, Snapshot
from adapters_hub.hub.published import PublishedModule
from adapters_hub.hub.publishing import plan_push, push
from adapters_hub.hub.searching import find_modules

__all__ = [
    "Fetched",
    "Hub",
    "HubError",
    "HubUnreachableError",
    "Listing",
    "PublishedModule",
    "Pushed",
    "Snapshot",
    "connect",
    "copy_module",
    "fetch_checked",
    "fetch_manifest",
    "fetch_module",
    "find_modules",
    "plan_push",
    "push",
]
