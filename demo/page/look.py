"""The theme, and the other options that the app is launched with."""

from __future__ import annotations

from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from demo.limits.uploads import UploadRate
from demo.page.visit import Demo
from demo.web import script, style

_ROOM = 256 << 10
"""Bytes that a request may have in addition to the largest file: for the parts of a form, or rows and compositions."""
_COLOURS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("button_primary_background_fill", "link_text_color"), "*primary_600", "*primary_300"),
    (("button_primary_background_fill_hover",), "*primary_700", "*primary_200"),
    (("button_primary_text_color",), "#ffffff", "#0d1a1d"),
    (("body_background_fill",), "#fbfaf7", "#12171c"),
    (("block_background_fill", "checkbox_label_background_fill", "input_background_fill"), "#ffffff", "#181e24"),
    (("block_border_color", "checkbox_label_border_color", "button_secondary_border_color"), "#e2ded5", "#2c353c"),
    (("button_secondary_background_fill",), "#ffffff", "#202830"),
    (("button_secondary_background_fill_hover",), "*primary_50", "#2a343d"),
    (("checkbox_label_background_fill_hover",), "*primary_50", "#202830"),
    (("checkbox_label_background_fill_selected", "color_accent_soft"), "*primary_50", "#22303a"),
    (("block_title_text_color", "block_label_text_color", "block_info_text_color"), "#566168", "#a3adb3"),
    (("body_text_color",), "#1c2429", "#e6e9e7"),
    (("body_text_color_subdued",), "#566168", "#a3adb3"),
)
"""Names of Gradio's variables, and their colour in the light and in the dark theme."""


def launch_options(demo: Demo) -> dict[str, Any]:
    """The arguments of `Blocks.launch`, except host and port."""
    file_bytes = demo.settings.limits.file_bytes
    hue = gr.themes.Color(
        *("#eef6f6", "#d6eae9", "#aed4d2", "#7fbab8", "#4c9a9b", "#2a7c83", "#17606f", "#124d5b", "#0f3f4b", "#0b313b"),
        c950="#07222a",
        name="blue-green",
    )
    theme = gr.themes.Base(
        primary_hue=hue,
        secondary_hue=hue,
        neutral_hue="stone",
        radius_size="md",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        checkbox_label_padding="5px 10px",
        checkbox_border_width="1px",
        checkbox_label_border_width="1px",
        button_border_width="1px",
        **{
            f"{name}{mode}": colour
            for names, *pair in _COLOURS
            for name in names
            for mode, colour in zip(("", "_dark"), pair, strict=True)
        },
    )
    return {
        "theme": theme,
        # In the head, because Gradio parses what it is given as `css`, and drops container queries.
        "head": f"<style>{style()}</style><script>{script('page')}</script>",
        "max_file_size": file_bytes,
        "app_kwargs": {
            "middleware": [
                Middleware(RequestBodyLimitMiddleware, max_body_size=file_bytes + _ROOM),
                Middleware(UploadRate, rate=demo.rate),
            ]
        },
        "allowed_paths": [],
        "show_error": True,
        "footer_links": ["api"],
        "ssr_mode": False,
        "pwa": False,
        "enable_monitoring": False,
        "run_history": False,  # otherwise the server would fetch from the Hub on behalf of visitors
        "quiet": True,
        "strict_cors": True,
        "state_session_capacity": 2000,
    }
