"""Choosing a model in a real Chromium: without scripts, and by keyboard alone."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.site import Site

MODEL = "/models/openai/clip-vit-large-patch14/"
PHONE, DESK = 390, 1440
MOST_STOPS = 220  # nearly every figure leads to its source
# Where a person would look for what has the focus, and whether it is marked there.
DESCRIBE = """(element) => {
  const style = getComputedStyle(element);
  const place = (node) => {
    const { left, top } = node.getBoundingClientRect();
    return [Math.round(top + scrollY), Math.round(left)];
  };
  const box = element.getBoundingClientRect();
  const block = element.closest(".tile, aside, section, figure, header, footer") ?? element;
  return {
    words: `${element.tagName} ${element.ariaLabel ?? ""} ${element.innerText ?? ""}`,
    block: place(block), line: place(element), height: box.height,
    is_marked: element.matches(":focus-visible") && style.outlineStyle !== "none"
      && parseFloat(style.outlineWidth) >= 2 && style.outlineColor !== "rgba(0, 0, 0, 0)",
    is_in_view: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""

pytestmark = NEEDED


@dataclass(frozen=True)
class Stop:
    """Where one press of Tab led. Places are (top, left), in pixels of the page."""

    words: str
    block: list[int]
    line: list[int]
    height: float
    is_marked: bool
    is_in_view: bool

    def comes_before(self, other: "Stop") -> bool:
        """As the eye goes: block by block from the top, and within each by lines.

        Of columns that begin at the same height either may come first.
        """
        if self.block != other.block:
            return self.block[0] <= other.block[0]
        is_beside = abs(self.line[0] - other.line[0]) < self.height
        return self.line[1] < other.line[1] if is_beside else self.line[0] < other.line[0]


@pytest.fixture
def plain_page(browser: Browser, site: Site) -> Iterator[Page]:
    """A browser without scripts."""
    context = browser.new_context(base_url=site.address, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def count(page: Page) -> int:
    """How many models the list says it holds."""
    words = page.locator("[data-said]").inner_text()
    found = re.search(r"(\d+) models?", words)
    assert found, words
    return int(found.group(1))


def names(page: Page) -> list[str]:
    page.wait_for_load_state()  # a click returns before all of the next page is there
    return page.locator("table.models tbody th a").all_inner_texts()


def open_menu(page: Page, label: str) -> Locator:
    """Unfold a filter, as a person would; returns what it holds."""
    page.wait_for_load_state()  # what is not there yet is not visible either
    everything = page.locator("summary", has_text=re.compile("^filters"))
    menu = page.locator("details.filter", has=page.locator("summary", has_text=label))
    if not menu.is_visible():
        everything.click()
    menu.locator("summary").click()
    return menu


def test_without_scripts_people_browse_search_filter_and_page_on(plain_page: Page) -> None:
    page = plain_page
    page.goto("/")
    page.get_by_role("link", name="models", exact=True).first.click()
    everything = count(page)
    first = names(page)

    page.get_by_role("link", name="next page").click()
    second = names(page)
    assert first
    assert second
    assert not set(first) & set(second)

    page.get_by_role("link", name="first page").click()
    assert names(page) == first

    page.get_by_role("searchbox").fill("vit l 14")
    page.get_by_role("button", name="search").click()
    found = count(page)
    assert 0 < found < everything

    open_menu(page, "family").get_by_role("link", name=re.compile("^DataComp")).click()
    filtered = count(page)
    assert 0 < filtered < found
    assert page.get_by_role("searchbox").input_value() == "vit l 14"

    parameters = open_menu(page, "parameters")
    parameters.get_by_label("to").fill("430M")
    parameters.get_by_role("button", name="apply").click()
    assert 0 < count(page) <= filtered
    assert "DataComp" in page.url

    page.get_by_role("list", name="sort by").get_by_role("link", name="downloads").click()
    assert "sort=downloads" in page.url
    page.locator("table.models").get_by_role("link", name="CLIP ViT-L-14 DataComp").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("CLIP ViT-L-14 DataComp")


def test_without_scripts_nothing_found_leads_back(plain_page: Page) -> None:
    plain_page.goto("/models/")
    plain_page.get_by_role("searchbox").fill("zzzzzz")
    plain_page.keyboard.press("Enter")

    expect(plain_page.get_by_text("nothing found").first).to_be_visible()
    plain_page.get_by_role("link", name="show all").first.click()
    assert count(plain_page) > 100


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_keyboard_goes_through_a_model_page_as_the_eye_does(
    browser: Browser, site: Site, width: int
) -> None:
    context = browser.new_context(
        base_url=site.address,
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",  # or each stop would have to be waited for: it scrolls smoothly
    )
    page = context.new_page()
    page.goto(MODEL)
    stops = list(walk(page))
    context.close()

    assert stops[0].words.endswith("skip to content")
    assert len(stops) > 20
    assert [stop for stop in stops if not stop.is_marked] == []
    assert [stop for stop in stops if not stop.is_in_view] == []
    # The skip link lies above the page and is no part of its order.
    pairs = itertools.pairwise(stops[1:])
    backwards = [f"{a} before {b}" for a, b in pairs if not a.comes_before(b)]
    assert backwards == [], "\n".join(backwards)
    blocks = [tuple(block) for block, _ in itertools.groupby(stop.block for stop in stops)]
    assert len(blocks) == len(set(blocks)), "a block is left and come back to"


def walk(page: Page) -> Iterator[Stop]:
    """Press Tab until the focus leaves the page."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if not focused.count():
            return
        yield Stop(**focused.evaluate(DESCRIBE))
    pytest.fail(f"more than {MOST_STOPS} stops: a trap, or a page with too much to press")


def test_the_skip_link_skips(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.address)
    page = context.new_page()
    page.goto(MODEL)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="skip to content")).to_be_in_viewport()

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    context.close()
