"""Code shared by the checks; it imports only NumPy."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(sys.argv[1])
SENTENCES: dict[str, list[str]] = json.loads((FOLDER / "sentences.json").read_text(encoding="utf-8"))
VECTORS = np.load(FOLDER / "vectors.npz")


def agree(what: str, found: object, expected: str, tolerance: float = 1e-5) -> None:
    """Print the largest difference of any component, and stop if it exceeds the tolerance."""
    difference = float(np.abs(np.asarray(found, np.float32) - VECTORS[expected]).max())
    sys.stdout.write(f"{what}: largest difference {difference:.1e}\n")
    if not difference <= tolerance:
        sys.exit(f"error: {what} differs from the encoder by {difference:.1e}, expected at most {tolerance:.0e}")


def absent(*modules: str) -> None:
    """Stop if a module is installed that should not be."""
    from importlib.util import find_spec

    if found := [module for module in modules if find_spec(module)]:
        sys.exit(f"error: this environment has {', '.join(found)}, which it should not have")
