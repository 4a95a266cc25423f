"""The views of the page, as HTML. All text from outside is escaped here, and only here."""

from demo.views.fragments import empty_notice, error_notice, note, program_view
from demo.views.graded import graded_view
from demo.views.heatmaps import heatmaps_view
from demo.views.map import map_view
from demo.views.neighbours import neighbours_view
from demo.views.panel import panel_view
from demo.views.summary import summary_view
from demo.views.tokens import tokens_view

__all__ = [
    "empty_notice",
    "error_notice",
    "graded_view",
    "heatmaps_view",
    "map_view",
    "neighbours_view",
    "note",
    "panel_view",
    "program_view",
    "summary_view",
    "tokens_view",
]
