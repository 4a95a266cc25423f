"""The page in a real browser against the real server."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from adapters_hub.format import OBJECTIVES
from demo.input.examples import TITLES, example, opening

OPENING = opening(("deu", "eng", "kaz"))[1]
COUNT = len(OPENING)
COLUMNS = "#mse-columns select[aria-label^='Composition']"


@contextlib.contextmanager
def visit(browser: Browser, url: str, width: int = 1400) -> Iterator[Page]:
    """Open the page as a new visitor; an error in its console fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, accept_downloads=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    expect(page.locator("#mse-rows textarea").first).to_be_visible(timeout=60_000)  # a busy machine takes its time
    yield page
    errors = list(said)
    context.close()
    assert errors == []


@pytest.fixture
def opened(browser: Browser, server: str) -> Iterator[Page]:
    """A page, opened by `visit`."""
    with visit(browser, server) as page:
        yield page


def cell(page: Page, column: int, i: int, j: int) -> str:
    table = page.locator("#mse-heatmaps table").nth(column)
    return str(table.locator(f"td[data-i='{i}'][data-j='{j}']").text_content())


def rows(page: Page) -> list[str]:
    return [field.input_value() for field in page.locator("#mse-rows textarea").all()]


def show_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def test_the_page_opens_with_examples_and_a_first_comparison(opened: Page) -> None:
    assert rows(opened) == [row.text for row in OPENING]
    expect(opened.locator("#mse-heatmaps table")).to_have_count(3)
    expect(opened.locator("#mse-summary section h2")).to_have_text(["1 Base", "2 Modules", "3 Aligned"])
    assert re.fullmatch(r"−?\d+", cell(opened, 0, 0, 1))


def test_typing_choosing_and_comparing(opened: Page) -> None:
    opened.get_by_role("button", name="+ Add a sentence").click()
    text = opened.get_by_label(f"Text of sentence {COUNT + 1}")
    expect(text).to_be_focused()
    text.fill("Wo ist der nächste Bahnhof?")
    opened.get_by_label(f"Meaning of sentence {COUNT + 1}: the same for translations").fill("9")
    expect(opened.get_by_label(f"Language of sentence {COUNT + 1}")).to_have_value("deu")  # the guessed language
    opened.get_by_label(f"Language of sentence {COUNT + 1}").select_option("kaz")
    opened.get_by_role("button", name="Compare").click()
    expect(opened.locator("#mse-heatmaps table").first.locator("tbody tr")).to_have_count(COUNT + 1)
    expect(opened.locator("#mse-heatmaps table").first.locator("tbody tr").nth(COUNT)).to_contain_text("kaz")
    opened.get_by_role("button", name=f"Remove sentence {COUNT + 1}").click()
    expect(opened.locator("#mse-heatmaps table").first.locator("tbody tr")).to_have_count(COUNT)


def test_the_language_shown_is_the_one_guessed_after_enter_too(opened: Page) -> None:
    opened.get_by_role("button", name="+ Add a sentence").click()
    opened.get_by_label(f"Text of sentence {COUNT + 1}").press_sequentially("Wo ist der nächste Bahnhof?")
    opened.keyboard.press("Enter")
    expect(opened.get_by_label(f"Text of sentence {COUNT + 2}")).to_be_focused()
    expect(opened.locator("#mse-heatmaps table").first.locator("tbody tr").nth(COUNT)).to_contain_text("deu")
    expect(opened.get_by_label(f"Language of sentence {COUNT + 1}")).to_have_value("deu")


def test_compositions_come_go_and_blend(opened: Page) -> None:
    opened.get_by_role("button", name="+ Add a composition").click()
    expect(opened.locator("#mse-heatmaps table")).to_have_count(4)
    expect(opened.get_by_role("button", name="+ Add a composition")).to_be_disabled()
    opened.locator(COLUMNS).nth(2).select_option("aligned:parallel")
    expect(opened.locator("#mse-summary section h2").nth(2)).to_contain_text("Aligned: parallel")
    slider = opened.get_by_label("Blend 4, all languages, from paraphrase to parallel")
    slider.fill("0.25")
    expect(opened.locator("#mse-summary section h2").nth(3)).to_contain_text("0.75 paraphrase + 0.25 parallel")
    opened.locator("#mse-columns summary").click()
    opened.get_by_label("Blend 4, kaz").fill("1")
    expect(opened.locator("#mse-summary section h2").nth(3)).to_contain_text("1 of their own")
    for _ in range(2):
        opened.get_by_role("button", name="Remove composition 1").click()
    expect(opened.locator("#mse-heatmaps table")).to_have_count(2)
    expect(opened.get_by_role("button", name="Remove composition 1")).to_be_disabled()


def test_every_objective_can_be_chosen(opened: Page) -> None:
    offered = opened.locator(COLUMNS).first.locator("option").evaluate_all("all => all.map(each => each.value)")
    assert {f"aligned:{objective}" for objective in OBJECTIVES} <= set(offered)


def test_the_difference_is_to_the_first_composition(opened: Page) -> None:
    before = [int(cell(opened, column, 0, 1).replace("−", "-")) for column in (0, 1)]
    opened.get_by_label("Show the difference from the first composition").check()
    expect(opened.locator("#mse-heatmaps caption").nth(1)).to_contain_text("change from Base")
    change = int(cell(opened, 1, 0, 1).replace("−", "-").replace("+", ""))
    assert abs(change - (before[1] - before[0])) <= 1


def test_pairs_are_read_with_the_keyboard(opened: Page) -> None:
    opened.locator("#mse-heatmaps td[data-i='0'][data-j='0']").first.focus()
    opened.keyboard.press("ArrowRight")
    reading = opened.locator(".mse-reading")
    expect(reading).to_contain_text(OPENING[0].text)
    expect(reading).to_contain_text(OPENING[1].text)
    expect(reading).to_contain_text("Aligned")


def test_everything_can_be_reached_with_the_keyboard(opened: Page) -> None:
    reached = set()
    opened.locator("body").press("Tab")
    for _ in range(120):
        reached.add(opened.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.id"))
        reached.add(opened.evaluate("document.activeElement.textContent.trim().slice(0, 40)"))
        opened.keyboard.press("Tab")
    wanted = {"mse-theme", "Language of sentence 1", f"Text of sentence {COUNT}", "Composition 3"}
    assert wanted | {"Compare", "Similarity"} <= reached


def test_all_views_are_there(opened: Page) -> None:
    show_tab(opened, "Neighbours")
    expect(opened.locator("#mse-neighbours .mse-nearest tbody tr")).to_have_count(COUNT)
    expect(opened.locator("#mse-neighbours .mse-mark").first).to_be_visible()
    show_tab(opened, "Map")
    expect(opened.locator("#mse-maps svg.mse-map")).to_have_count(3)
    show_tab(opened, "Tokens")
    expect(opened.locator("#mse-tokens .mse-token").first).to_be_visible()
    show_tab(opened, "Graded pairs")
    opened.get_by_role("button", name="Score these pairs").click()
    expect(opened.locator("#mse-graded svg.mse-scatter")).to_have_count(3, timeout=60_000)
    expect(opened.locator("#mse-graded .mse-rho").first).to_contain_text("Spearman")


OVERLAPS = """plots => plots.flatMap(plot => {
  const boxes = [...plot.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()]);
  const aside = (a, b) => a.right <= b.left + 1 || a.bottom <= b.top + 2;
  const apart = (a, b) => aside(a, b) || aside(b, a);
  return boxes.flatMap(([name, box], at) => boxes.slice(at + 1).filter(([, other]) => !apart(box, other))
    .map(([other]) => `${name} on ${other}`));
})"""


def test_no_text_of_a_plot_lies_on_another(opened: Page) -> None:
    show_tab(opened, "Map")
    expect(opened.locator("#mse-maps svg.mse-map text").first).to_be_visible()
    assert opened.locator("#mse-maps svg.mse-map").evaluate_all(OVERLAPS) == []
    show_tab(opened, "Graded pairs")
    opened.get_by_role("button", name="Score these pairs").click()
    expect(opened.locator("#mse-graded svg.mse-scatter")).to_have_count(3, timeout=60_000)
    assert opened.locator("#mse-graded svg.mse-scatter").evaluate_all(OVERLAPS) == []


def test_modules_are_left_out_found_and_composed_again(opened: Page) -> None:
    show_tab(opened, "Modules")
    expect(opened.locator("#mse-panel")).to_contain_text("Kazakh")
    opened.get_by_label(re.compile("tiny/kaz ·")).click()
    expect(opened.locator("#mse-panel")).not_to_contain_text("Kazakh")
    opened.get_by_label("Search modules").fill("kazakh")
    opened.get_by_role("button", name="Search", exact=True).click()
    found = opened.locator("#mse-found")
    expect(found.get_by_role("checkbox")).to_have_count(3)
    found.get_by_label(re.compile("tiny/kaz ·")).check()
    opened.get_by_role("button", name="Compose", exact=True).click()
    expect(opened.locator("#mse-notice")).to_contain_text("language modules composed")
    expect(opened.locator("#mse-panel")).to_contain_text("Kazakh")
    opened.get_by_label("Search modules").fill("../../etc/passwd@x")
    opened.get_by_role("button", name="Search", exact=True).click()
    expect(opened.locator("#mse-notice")).to_contain_text("Nothing found")


def test_paste_and_upload(opened: Page, tmp_path: Path) -> None:
    opened.get_by_role("button", name="Paste or upload").click()
    opened.get_by_label("One sentence per line").fill("deu: Guten Morgen\nWhere is the station?")
    opened.get_by_role("button", name="Use these lines").click()
    expect(opened.locator("#mse-rows textarea")).to_have_count(2)
    expect(opened.locator("#mse-heatmaps table").first.locator("tbody tr")).to_have_count(2)
    table = tmp_path / "rows.csv"
    table.write_text("language,text,meaning\neng,Yes,1\nkaz,Иә,1\ndeu,<script>alert(1)</script>,2\n", encoding="utf-8")
    opened.locator("#mse-file input[type=file]").set_input_files(table)
    expect(opened.locator("#mse-heatmaps table").first.locator("tbody tr")).to_have_count(3)
    assert rows(opened)[2] == "<script>alert(1)</script>"
    assert opened.locator("#mse-heatmaps script").count() == 0


def test_an_upload_that_does_not_fit_says_why(opened: Page, tmp_path: Path) -> None:
    opened.get_by_role("button", name="Paste or upload").click()
    many = tmp_path / "many.csv"
    many.write_text("text\n" + "a line\n" * 10_000, encoding="utf-8")
    opened.locator("#mse-file input[type=file]").set_input_files(many)
    expect(opened.get_by_role("alert").first).to_contain_text("10,000 rows, up to 64")
    assert len(rows(opened)) == COUNT


def test_files_to_take_away(opened: Page) -> None:
    show_tab(opened, "Download")
    expect(opened.locator("#mse-program code")).to_contain_text("ModularEncoder")
    opened.get_by_role("button", name="Make files of this comparison").click()
    links = opened.locator("#mse-files a[download]")
    expect(links).to_have_count(5)
    saved = {}
    for link in links.all():
        with opened.expect_download() as download:
            link.click()
        saved[download.value.suggested_filename] = download.value.path()
    assert set(saved) == {"vectors.parquet", "vectors.npy", "similarities.csv", "similarities.png", "reproduce.py"}
    assert np.load(saved["vectors.npy"], allow_pickle=False).shape[:2] == (3, COUNT)
    assert pq.read_table(saved["vectors.parquet"]).num_rows == 3 * COUNT


def test_the_address_holds_the_view(opened: Page, browser: Browser) -> None:
    opened.get_by_label("Text of sentence 1", exact=True).fill("Nobody at all answered the phone.")
    opened.locator(COLUMNS).nth(0).select_option("aligned:paraphrase")
    expect(opened.locator("#mse-summary section h2").first).to_contain_text("Aligned: paraphrase")
    opened.wait_for_url(re.compile(r"view="))
    link = opened.url
    context = browser.new_context()
    other = context.new_page()
    other.goto(link)
    expect(other.locator("#mse-summary section h2").first).to_contain_text("Aligned: paraphrase")
    expect(other.get_by_label("Text of sentence 1", exact=True)).to_have_value("Nobody at all answered the phone.")
    other.goto(re.sub("view=.*", "view=broken", link))
    expect(other.get_by_role("alert").first).to_contain_text("does not hold a view")
    context.close()


def test_hostile_text_stays_text(opened: Page) -> None:
    asked: list[str] = []
    opened.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    for number, text in enumerate(
        ["<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "${alert(3)}{{x}}"], 1
    ):
        opened.get_by_label(f"Text of sentence {number}", exact=True).fill(text)
        opened.get_by_label(f"Meaning of sentence {number}: the same for translations").fill("<b>1</b>")
    opened.get_by_role("button", name="Compare").click()
    expect(opened.locator("#mse-heatmaps .mse-text").first).to_have_text("<script>alert(1)</script>")
    for name in ("Neighbours", "Map", "Tokens", "Download"):
        show_tab(opened, name)
    assert opened.locator("#mse-neighbours img, #mse-maps img, #mse-tokens img").count() == 0
    assert asked == []


def test_a_page_without_sentences_says_what_to_do(opened: Page) -> None:
    for _ in range(COUNT):
        opened.get_by_role("button", name="Remove sentence 1", exact=True).click()
    expect(opened.locator("#mse-rows")).to_contain_text("No sentences yet")
    expect(opened.locator("#mse-heatmaps")).to_contain_text("Write at least two")


def test_examples_can_be_taken_again_after_an_edit(opened: Page) -> None:
    chosen = opened.get_by_label(next(iter(TITLES.values())))
    expect(chosen).to_be_checked()
    opened.get_by_role("button", name="Remove sentence 1", exact=True).click()
    expect(chosen).not_to_be_checked()
    chosen.check()
    expect(opened.locator("#mse-rows textarea")).to_have_count(len(example("first")))


def test_right_to_left_text_stands_right(opened: Page) -> None:
    opened.get_by_label("Right to left").check()
    arabic = next(row for row in example("right_to_left") if row.language == "arb")
    expect(opened.get_by_label("Text of sentence 2", exact=True)).to_have_value(arabic.text)
    direction = "e => getComputedStyle(e).direction"
    assert opened.get_by_label("Text of sentence 2", exact=True).evaluate(direction) == "rtl"
    assert opened.get_by_label("Text of sentence 1", exact=True).evaluate(direction) == "ltr"
    show_tab(opened, "Neighbours")
    said = opened.locator("#mse-neighbours bdi[lang=ar]").first
    expect(said).to_be_visible()
    assert said.evaluate(direction) == "rtl"


def test_light_and_dark(opened: Page) -> None:
    paper = "() => getComputedStyle(document.querySelector('.gradio-container')).backgroundColor"
    light = opened.evaluate(paper)
    opened.get_by_role("button", name="Light or dark").click()
    dark = opened.evaluate(paper)
    assert light == "rgb(251, 250, 247)"
    assert dark == "rgb(18, 23, 28)"
    again = opened.context.new_page()
    again.goto(opened.url)
    expect(again.locator("#mse-rows textarea").first).to_be_visible()
    assert again.evaluate(paper) == dark


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_shows_all_without_scrolling_sideways(browser: Browser, server: str, width: int) -> None:
    with visit(browser, server, width) as page:
        expect(page.locator("#mse-heatmaps table").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(page.locator("#mse-rows textarea")).to_have_count(4)
        page.get_by_role("button", name=f"Show all {COUNT} sentences").click()
        expect(page.locator("#mse-rows textarea")).to_have_count(COUNT)


def test_a_wide_page_stands_in_the_middle(browser: Browser, server: str) -> None:
    with visit(browser, server, 2000) as page:
        box = page.locator(".mse-head").bounding_box()
        assert box is not None
        assert abs(box["x"] - (2000 - box["x"] - box["width"])) <= 20  # the width of a scroll bar


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_findings_of_axe(browser: Browser, server: str, theme: str) -> None:
    with visit(browser, f"{server}?__theme={theme}") as page:
        assert serious_findings(page) == []


def test_no_serious_findings_of_axe_on_a_phone(browser: Browser, server: str) -> None:
    with visit(browser, server, 390) as page:
        assert axe(page) == []


def serious_findings(opened: Page) -> list[tuple[str, ...]]:
    found = []
    for name in ("Similarity", "Neighbours", "Map", "Tokens", "Graded pairs", "Modules", "Download"):
        show_tab(opened, name)
        if name == "Download":
            opened.get_by_role("button", name="Make files of this comparison").click()
            expect(opened.locator("#mse-files a[download]")).to_have_count(5, timeout=30_000)
        opened.wait_for_timeout(200)
        found += [(name, *finding) for finding in axe(opened)]
    return found


def axe(opened: Page) -> list[tuple[str, ...]]:
    results = Axe().run(opened, options={"resultTypes": ["violations"]}).response
    return [
        (item["id"], node["target"], node.get("failureSummary", "")[:300])
        for item in results["violations"]
        if item["impact"] in ("serious", "critical")
        for node in item["nodes"]
    ]


def test_two_visitors_do_not_see_each_other(opened: Page, browser: Browser, server: str) -> None:
    context = browser.new_context()
    other = context.new_page()
    other.goto(server)
    expect(other.locator("#mse-rows textarea").first).to_be_visible()
    opened.get_by_label("Text of sentence 1", exact=True).fill("Only mine")
    opened.get_by_role("button", name="Compare").click()
    expect(opened.locator("#mse-heatmaps .mse-text").first).to_have_text("Only mine")
    other.get_by_role("button", name="Compare").click()
    expect(other.locator("#mse-heatmaps .mse-text").first).to_have_text(OPENING[0].text)
    context.close()
