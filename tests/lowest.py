"""Print constraints with the lowest version of everything that pyproject.toml names: `python -m tests.lowest`.

With them pip installs the versions of a user who never upgraded. torch is an exception: older releases than the one in
constraints.txt exist only with CUDA, in gigabytes, so its version comes from that file.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
_LEFT = ("torch",)
_TOOLS = ("lint",)


def requirements(project: dict[str, Any], left: tuple[str, ...] = _TOOLS) -> Iterator[Requirement]:
    """All requirements of the project, its extras, and its dependency groups except those left out."""
    groups = {name: group for name, group in project["dependency-groups"].items() if name not in left}
    for lines in (
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *groups.values(),
    ):
        yield from (Requirement(line) for line in lines if isinstance(line, str))


def lowest(project: dict[str, Any]) -> dict[str, str]:
    """The lowest version of each requirement, by name.

    Raises:
        ValueError: a requirement has no lower bound, or more than one.
    """
    found: dict[str, str] = {}
    for requirement in requirements(project):
        name = canonicalize_name(requirement.name)
        bounds = [part.version for part in requirement.specifier if part.operator in (">=", "==")]
        if len(bounds) != 1:
            raise ValueError(f"{requirement} has {len(bounds)} lower bounds, expected one")
        if found.setdefault(name, bounds[0]) != bounds[0]:
            raise ValueError(f"{name} has the lower bounds {found[name]} and {bounds[0]}: let them be the same")
    return {name: version for name, version in sorted(found.items()) if name not in _LEFT}


if __name__ == "__main__":
    versions = lowest(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    pinned = [
        line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line.startswith(_LEFT)
    ]
    sys.stdout.write("\n".join([*pinned, *(f"{name}=={version}" for name, version in versions.items())]) + "\n")
