"""Files come by upload only. Gradio would also fetch any URL that a request names in place of a file, of any size."""

from __future__ import annotations

from typing import NoReturn

import gradio as gr
from fastapi import HTTPException
from gradio import processing_utils, routes

_REFUSAL = "files come by upload, none is fetched from elsewhere: upload it"


def refuse_links() -> None:
    """Take from Gradio, in this process, what fetches a URL that a visitor names; all that asks for one comes by here.

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
