"""Accept files by upload only, and count uploads as requests."""

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

_REFUSAL = "files come by upload only, no link is fetched: upload the file"


def refuse_links() -> None:
    """Replace Gradio's functions that fetch any URL, of any size, that a request names instead of a file.

    Raises:
        AttributeError: this version of Gradio has no such functions.
    """
    for module, name, refuse in (
        (processing_utils, "async_ssrf_protected_download", _refuse_value),  # a URL instead of a file, in any component
        (routes, "secure_url_stream_response", _refuse_address),  # /file=https://…
    ):
        getattr(module, name)
        setattr(module, name, refuse)


async def _refuse_value(*_: object, **__: object) -> NoReturn:
    raise gr.Error(_REFUSAL, print_exception=False)


async def _refuse_address(*_: object, **__: object) -> NoReturn:
    raise HTTPException(403, _REFUSAL)


class UploadRate:
    """Middleware that counts every body with files as a request, and refuses it with status 429 beyond the limit.

    Args:
        app: the application that handles the requests.
        rate: the rate limit that the page uses.
    """

    def __init__(self, app: ASGIApp, rate: RateLimit) -> None:
        self.app = app
        self.rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests within the limit."""
        if scope["type"] == "http" and "multipart" in Headers(scope=scope).get("content-type", "").lower():
            try:
                self.rate.check(HTTPConnection(scope))
            except DemoError as error:
                await PlainTextResponse(f"{error}\n", 429)(scope, receive, send)
                return
        await self.app(scope, receive, send)
