"""The Python program that reproduces a view, to read and to copy."""

from __future__ import annotations

from demo.views.text import escaped


def program_view(program: str) -> str:
    """Show Python source."""
    return (
        '<h3 class="mse-heading">The Python program for this view</h3><div class="mse-program">'
        '<button type="button" class="mse-copy">Copy</button>'
        f'<pre tabindex="0" role="region" aria-label="Python" dir="ltr"><code>{escaped(program)}</code></pre></div>'
    )
