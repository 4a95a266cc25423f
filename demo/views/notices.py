"""Errors and empty states, in one line that says what to do."""

from __future__ import annotations

from demo.views.text import escaped


def error_notice(message: object) -> str:
    """An error, which screen readers read out at once."""
    return (
        f'<div class="mse-notice mse-error" role="alert"><strong>That did not work.</strong> {escaped(message)}</div>'
    )


def empty_notice(what: str, action: str) -> str:
    """A notice of what is missing, and what to do."""
    return f'<div class="mse-notice mse-empty"><strong>{escaped(what)}</strong> {escaped(action)}</div>'


def note(text: str) -> str:
    """A remark."""
    return f'<p class="mse-note">{escaped(text)}</p>'
