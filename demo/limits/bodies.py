"""No request may be larger than what the page itself can send."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOM = 256 << 10
"""Bytes that a request may have beside the largest file: the parts of a form, or rows and compositions."""


class BodyLimit:
    """Refuses larger bodies with status 413, before they are in memory.

    Args:
        app: the application behind it.
        most: bytes.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is small enough."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.most:
            refusal = PlainTextResponse(f"a request may have up to {self.most / 1e6:.1f} MB: send less\n", 413)
            await refusal(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            """For bodies in chunks, which do not say how large they are."""
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:
                raise ClientDisconnect
            return message

        await self.app(scope, counted, send)
