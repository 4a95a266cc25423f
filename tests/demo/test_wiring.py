"""What the page sends reaches its handlers, and their answers reach its components."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.demo.test_api import finished

ROWS = [{"language": "deu", "text": "Guten Morgen"}, {"language": "eng", "text": "Good morning"}]
BASE = [{"kind": "base"}]
SENT: dict[str, list[Any]] = {
    "compare": [ROWS, BASE, None, False],
    "open": [False],
    "take_example": ["first"],
    "paste": ["deu: Guten Morgen", None],
    "search": ["kazakh"],
    "compose": [[], None],
    "keep": [[]],
    "show_panel": [None],
    "list_cards": [None],
    "show_card": [None],
    "graded": ["dev", "deu", "eng", None, BASE, None, False],
    "download": [ROWS, BASE, None],
}
"""By handler, values of its inputs; a session's state takes the place of the chosen modules."""
CHANGED = {
    "compare": ["summary", "heatmaps", "neighbours", "maps", "tokens", "program", "address"],
    "open": [],
    "take_example": ["rows"],
    "paste": ["rows", "taken"],
    "search": ["found", "compose", "notice"],
    "keep": ["rows", "columns", "ticked", "panel", "notice"],
    "compose": ["notice"],
    "show_panel": ["panel"],
    "list_cards": ["which"],
    "show_card": ["card"],
    "graded": ["graded"],
    "download": ["files", "files-notice"],
}
"""By handler, the components whose values or properties it changes; `compose` is sent no module, which it refuses."""

UNCHANGED = ({"__type__": "update"}, {"__type__": "update", "props": {"__type__": "update"}})
"""How Gradio skips a component; the second is for HTML."""


def test_answers_change_the_components_that_they_name_and_no_others(server: str) -> None:
    config = json.loads(urllib.request.urlopen(f"{server}config").read())
    names = {item["id"]: (item["props"].get("elem_id") or "").removeprefix("mse-") for item in config["components"]}
    listening = {item["api_name"]: item for item in config["dependencies"]}
    changed = {}
    for handler, values in SENT.items():
        answer = json.loads(finished(server, listening[handler], values).removeprefix("data: "))
        assert answer["success"], (handler, answer)
        outputs = zip(listening[handler]["outputs"], answer["output"]["data"], strict=True)
        changed[handler] = [names[number] for number, value in outputs if names[number] and value not in UNCHANGED]
    assert changed == CHANGED
