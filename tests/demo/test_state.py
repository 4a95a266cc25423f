from __future__ import annotations

import base64
import json
import random
import zlib

import pytest

from demo.compare.comparison import Comparison
from demo.input.columns import Column
from demo.input.sentences import Row
from demo.input.state import MOST_CHARACTERS, pack, unpack
from demo.limits.errors import DemoError
from demo.page.visit import Demo

ROWS = [Row("uig", "ۋوگزال نەدە؟", "1"), Row("eng", "<b>Where?</b>", "", guessed=True)]
COLUMNS = [Column("base"), Column("blend", weights={"both": 0.5}, languages={"deu": {"both": 1.0}})]


def opened(demo: Demo, text: str) -> Comparison:
    view = unpack(text)
    return demo.compare(view["rows"], view["columns"], view["modules"])


def test_a_view_comes_back_out_of_its_link(demo: Demo) -> None:
    packed = pack(ROWS, COLUMNS, ["tiny/eng", "tiny/deu"])
    assert packed is not None
    comparison = opened(demo, packed)
    assert comparison.rows == ROWS
    assert comparison.columns == COLUMNS
    assert unpack(packed)["modules"] == ["tiny/eng", "tiny/deu"]
    assert list(comparison.picks.modules) == ["eng", "deu"]


def test_a_view_that_is_too_long_has_no_link() -> None:
    noise = random.Random(0)
    rows = [Row("eng", base64.b64encode(noise.randbytes(200)).decode(), "") for _ in range(40)]
    assert pack(rows, COLUMNS, None) is None


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(value).encode())).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "ü",
        "x" * (MOST_CHARACTERS + 1),
        packed({"rows": 1}),
        packed([1]),
        packed({"rows": [["eng"]]}),
        base64.urlsafe_b64encode(zlib.compress(b" " * 50_000_000)).decode()[:MOST_CHARACTERS],
        base64.urlsafe_b64encode(zlib.compress(b" " * 1_000_000)).decode(),
        base64.urlsafe_b64encode(zlib.compress(b"[" * 200_000)).decode(),
    ],
)
def test_links_that_are_damaged_or_hostile_are_refused(text: str) -> None:
    with pytest.raises(DemoError, match="does not hold a view") as caught:
        unpack(text)
    assert "\n" not in str(caught.value)


def test_what_a_link_holds_is_checked_like_all_input(demo: Demo) -> None:
    base = {"rows": [["eng", "a", "", 0]], "columns": [{"kind": "base"}], "modules": ["../../etc/passwd"]}
    with pytest.raises(DemoError, match="expected a module as org/name"):
        opened(demo, packed(base))
    with pytest.raises(DemoError, match="not an ISO 639-3"):
        opened(demo, packed(base | {"modules": None, "rows": [["<script>", "a", "", 0]]}))
    with pytest.raises(DemoError, match="compositions"):
        opened(demo, packed(base | {"modules": None, "columns": None}))
