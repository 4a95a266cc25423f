"""The theme, and the other options that the app is launched with."""

from __future__ import annotations

from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from demo.limits.bodies import ROOM, BodyLimit
from demo.limits.uploads import UploadRate
from demo.page.visit import Demo
from demo.web import script, style

_FONTS = ("system-ui", "sans-serif")


def launch_options(demo: Demo) -> dict[str, Any]:
    """The arguments of `Blocks.launch`, except host and port."""
    limits = demo.settings.limits
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
        font=list(_FONTS),
        font_mono=["ui-monospace", "monospace"],
    ).set(
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="#ffffff",
        button_primary_background_fill_dark="*primary_300",
        button_primary_background_fill_hover_dark="*primary_200",
        button_primary_text_color_dark="#0d1a1d",
        link_text_color="*primary_600",
        link_text_color_dark="*primary_300",
        color_accent_soft_dark="#22303a",
        body_background_fill="#fbfaf7",
        body_background_fill_dark="#12171c",
        block_background_fill="#ffffff",
        block_background_fill_dark="#181e24",
        block_border_color="#e2ded5",
        block_border_color_dark="#2c353c",
        checkbox_label_background_fill="#ffffff",
        checkbox_label_background_fill_dark="#181e24",
        checkbox_label_background_fill_hover="*primary_50",
        checkbox_label_background_fill_hover_dark="#202830",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="#22303a",
        checkbox_label_border_color="#e2ded5",
        checkbox_label_border_color_dark="#2c353c",
        checkbox_label_padding="5px 10px",
        checkbox_border_width="1px",
        checkbox_label_border_width="1px",
        block_title_text_color="#566168",
        block_title_text_color_dark="#a3adb3",
        block_label_text_color="#566168",
        block_label_text_color_dark="#a3adb3",
        block_info_text_color="#566168",
        block_info_text_color_dark="#a3adb3",
        body_text_color="#1c2429",
        body_text_color_dark="#e6e9e7",
        body_text_color_subdued="#566168",
        body_text_color_subdued_dark="#a3adb3",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#202830",
        button_secondary_background_fill_hover="*primary_50",
        button_secondary_background_fill_hover_dark="#2a343d",
        button_secondary_border_color="#e2ded5",
        button_secondary_border_color_dark="#2c353c",
        button_border_width="1px",
        input_background_fill="#ffffff",
        input_background_fill_dark="#181e24",
    )
    return {
        "theme": theme,
        # In the head, because Gradio parses what it is given as `css`, and drops container queries.
        "head": f"<style>{style()}</style><script>{script('page')}</script>",
        "max_file_size": limits.file_bytes,
        "app_kwargs": {
            "middleware": [
                Middleware(BodyLimit, most=limits.file_bytes + ROOM),
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
