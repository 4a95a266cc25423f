"""Publish trained modules into the folder that acts as the demo's hub, with cards, scores and revisions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from adapters_hub.format import FILE_NAME, read_manifest
from adapters_hub.hub import push
from demo.limits.errors import DemoError


def publish_folder(folder: Path, hub: Path) -> Iterator[str]:
    """Publish every module in a folder as `<folder's name>/<module's name>`; yield a line on each.

    Raises:
        DemoError: the folder has no modules.
        HubError: the hub cannot be written.
    """
    modules = sorted(path.parent for path in folder.glob(f"[!.]*/{FILE_NAME}"))
    if not modules:
        raise DemoError(f"no modules in {folder}: make some with make quickstart, or name another folder")
    # Modules come before adapters, because the adapters' cards link to them.
    for module in sorted(modules, key=lambda path: (read_manifest(path).kind == "alignment_adapter", path.name)):
        pushed = push(module, f"{folder.absolute().name}/{module.name}", hub=hub)
        yield f"{pushed.repo}@{pushed.commit[:8]}" + ("" if pushed.changed else ", unchanged")
