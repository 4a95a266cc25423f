"""Files come by upload only, and uploads count among a visitor's requests."""

from __future__ import annotations

from typing import NoReturn

import gradio as gr
from fastapi import HTTPException
from gradio import processing_utils, routes
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.limits.errors import DemoError
from demo.limits.rate import RateLimit

_REFUSAL = "files come by upload, none is fetched from elsewhere: upload it"


def refuse_links() -> None:
    """Take from Gradio, in this process, what fetches any URL, of any size, that a request names in place of a file.

    Raises:
        AttributeError: this Gradio fetches in another way.
    """
    for module, name, refuse in (
        (processing_utils, "async_ssrf_protected_download", _refuse_value),  # in place of a file, in any component
        (routes, "secure_url_stream_response", _refuse_address),  # /file=https://…
    ):
        getattr(module, name)
        setattr(module, name, refuse)


async def _refuse_value(*_: object, **__: object) -> NoReturn:
    raise gr.Error(_REFUSAL, print_exception=False)


async def _refuse_address(*_: object, **__: object) -> NoReturn:
    raise HTTPException(403, _REFUSAL)


class UploadRate:
    """Counts every body with files as a request; beyond the limit they are refused with status 429.

    Args:
        app: the application behind it.
        rate: of the page.
    """

    def __init__(self, app: ASGIApp, rate: RateLimit) -> None:
        self.app = app
        self.rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come."""
        if scope["type"] == "http" and "multipart" in Headers(scope=scope).get("content-type", "").lower():
            try:
                self.rate.check(HTTPConnection(scope))
            except DemoError as error:
                await PlainTextResponse(f"{error}\n", 429)(scope, receive, send)
                return
        await self.app(scope, receive, send)
