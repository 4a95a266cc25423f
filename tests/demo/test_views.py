from __future__ import annotations

from html.parser import HTMLParser

import pytest

from demo.compare.comparison import compare
from demo.compare.workbench import Workbench
from demo.input.columns import Column
from demo.input.sentences import Row
from demo.page.handlers import Handlers
from demo.views.fragments import error_notice, hue, marks
from demo.views.map import place_labels
from demo.views.scale import LANGUAGES, colours, contrast, css, step
from demo.views.summary import summary_view

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}${alert(1)}", "' onmouseover='x"]


class Elements(HTMLParser):
    """Collects the elements and attributes of HTML, and checks that every opened element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("br", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def elements(text: str) -> Elements:
    parser = Elements()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


@pytest.mark.parametrize("difference", [False, True])
def test_no_html_of_the_input_reaches_the_page(
    handlers: Handlers, bench: Workbench, names: list[str], difference: bool
) -> None:
    rows = [Row("deu", text, text[:12]) for text in HOSTILE] + [Row("kaz", "Қайырлы таң", "1"), Row("fra", "Oui", "1")]
    columns = [Column("base"), Column("modules"), Column("aligned")]
    comparison = compare(bench, rows, columns, bench.catalog.pick(names))
    for view in list(handlers.views(comparison, difference).values())[:5]:
        found = elements(view)
        assert not found.names & {"script", "img", "iframe", "a"}
        assert not [name for name in found.attributes if name.startswith("on")]
    assert "<script" not in error_notice(HOSTILE[0])


def test_a_single_row_and_no_row_have_views(handlers: Handlers, bench: Workbench) -> None:
    picks = bench.catalog.default()
    for rows in ([], [Row("deu", "Ja", "")], [Row("deu", "Ja", ""), Row("deu", "Ja", "")]):
        views = handlers.views(compare(bench, rows, [Column("base"), Column("modules")], picks), True)
        for view in list(views.values())[:5]:
            elements(view)
    assert "Write at least two" in handlers.views(compare(bench, [], [Column("base")], picks), False)["heatmaps"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["sequential", "diverging"])
def test_numbers_are_readable_on_every_step_of_the_scale(kind: str, theme: str) -> None:
    assert all(contrast(background, text) >= 4.5 for background, text in colours(kind, theme))


@pytest.mark.parametrize(("theme", "paper"), [("light", "#ffffff"), ("dark", "#181e24")])
def test_names_of_languages_are_readable(theme: str, paper: str) -> None:
    assert all(contrast(colour, paper) >= 4.5 for colour in LANGUAGES[theme])


def test_the_scale_goes_from_low_to_high() -> None:
    assert [step(value, 0.5, 1.0) for value in (0.0, 0.5, 0.75, 1.0, 2.0)] == [0, 0, 10, 20, 20]
    assert step(1.0, 1.0, 1.0) == 20
    assert ".dark .mse-d20{" in css()


def test_languages_have_colours_of_their_own() -> None:
    order = ["kaz", "fra", "eng", "deu", "spa", "arb", "zho", "kor"]
    assert len({hue(code, order) for code in order}) == 8
    assert hue("eng", order) == hue("eng", ["eng"])


def test_labels_of_the_map_lie_on_nothing_and_in_the_frame() -> None:
    close = [(100.0 + dx, 100.0 + dy) for dx in (0, 4, 9) for dy in (0, 5)] + [(2.0, 2.0), (318.0, 318.0)]
    texts = ["1", "1", "22", "2", "3", "3", "corner", "corner"]
    places = place_labels(close, texts, 6, 320)
    boxes = [(*place, len(text) * 3.3, 6.5) for place, text in zip(places, texts, strict=True) if place]
    assert len(boxes) >= 6
    for number, (x, y, half, high) in enumerate(boxes):
        assert half <= x <= 320 - half
        assert high <= y <= 320 - high
        others = [*boxes[:number], *((*mark, 6.0, 6.0) for mark in close)]
        assert all(abs(x - o[0]) >= half + o[2] or abs(y - o[1]) >= high + o[3] for o in others)


def test_a_label_without_room_is_left_out() -> None:
    assert place_labels([(160.0, 160.0)] * 40, ["a long label"] * 40, 6, 320).count(None) > 0


def test_the_summary_says_what_every_composition_is_made_of(bench: Workbench, names: list[str]) -> None:
    picks = bench.catalog.pick(names)
    columns = [Column("base"), Column("blend", weights={"paraphrase": 0.25})]
    view = summary_view(compare(bench, [Row("kaz", "Иә", "1"), Row("eng", "Yes", "1")], columns, picks))
    base, blend = view.split("<section")[1:]
    adapter = picks.adapters["kaz"]["paraphrase"]
    assert "the base and its vocabulary" in base
    assert picks.modules["kaz"].short_commit not in base
    assert f"module {picks.modules['kaz'].short_commit} + 0.25 × paraphrase {adapter.short_commit}" in blend


def test_what_does_not_count_of_a_long_sentence_is_grey(handlers: Handlers, bench: Workbench) -> None:
    rows = [Row("deu", "Guten Morgen, der Zug hat Verspätung. " * 9), Row("deu", "Guten Morgen")]
    comparison = compare(bench, rows, [Column("base"), Column("modules")], bench.catalog.default())
    views = handlers.views(comparison, difference=False)
    long, short = views["tokens"].split("<li>")[1:]
    assert long.count("mse-beyond") > 10
    assert "mse-beyond" not in short
    assert "sentence 1: only the first" in views["summary"]


def test_long_meanings_are_numbered_and_short_ones_stay() -> None:
    assert marks([Row("deu", "a", "sentence-7"), Row("deu", "b", "sentence-9"), Row("eng", "c", "sentence-7")]) == [
        *("1", "2", "1")
    ]
    assert marks([Row("deu", "a", "7"), Row("deu", "b", ""), Row("eng", "c", "7")]) == ["7", "2", "7"]
