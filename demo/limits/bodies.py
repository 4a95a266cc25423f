"""Refuse requests that are larger than what the page itself can send."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOM = 256 << 10
"""Bytes that a request may have in addition to the largest file: for the parts of a form, or rows and compositions."""


class BodyLimit:
    """Middleware that refuses too large bodies with status 413, before they are in memory.

    Args:
        app: the application that handles the requests.
        most: maximum number of bytes of a body.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests that are small enough."""
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
            """Count the bytes of bodies in chunks, which do not state their size."""
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:
                raise ClientDisconnect
            return message

        await self.app(scope, counted, send)
