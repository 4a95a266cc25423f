"""The page's style sheet and scripts."""

from __future__ import annotations

from pathlib import Path

from demo.views import scale

_FOLDER = Path(__file__).parent


def script(*names: str) -> str:
    """Scripts of this folder, one after another."""
    return "\n".join((_FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in names)


def style() -> str:
    """The style sheet, with the colour scales."""
    return (_FOLDER / "style.css").read_text(encoding="utf-8") + scale.css()
