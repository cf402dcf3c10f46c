"""Journeys through the real site in a real Chromium, with and without JavaScript."""

import itertools
import re
from typing import Literal

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.conftest import SAMPLES
from tests.support.browser.accessibility import violations
from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.browser.pages import PAGES
from tests.support.site import Site

WIDTHS = (390, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

pytestmark = NEEDED


def test_the_sample_on_the_home_page_is_classified(
    page: Page, complaints: list[str], has_scripts: bool
) -> None:
    page.goto("/")

    page.get_by_role("button", name="classify").click()

    expect_answer(page, "a cat")
    assert complaints == []
    if has_scripts:
        assert violations(page) == []


def test_an_own_photo_with_own_labels_is_classified(page: Page, complaints: list[str]) -> None:
    page.goto("/playground/")
    page.locator("#picture").set_input_files(SAMPLES / "coffee.jpg")
    type_labels(page, ["a cup of coffee", "a bicycle"])

    page.get_by_role("button", name="classify").click()

    expect_answer(page, "a cup of coffee")
    assert complaints == []


def expect_answer(page: Page, label: str) -> None:
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(re.compile(f"closest label: {label}"), timeout=PATIENCE_MS)
    expect(page.get_by_role("row").nth(1)).to_contain_text(label)


def type_labels(page: Page, labels: list[str]) -> None:
    """As chips with scripts, as lines of the text field without."""
    field = page.locator("textarea[name=labels]")
    if field.is_visible():
        field.fill("\n".join(labels))
        return
    while (remove := page.get_by_role("button", name="remove ")).count():
        remove.first.click()
    for label in labels:
        page.get_by_placeholder("add a label").fill(label)
        page.keyboard.press("Enter")


def test_a_file_that_is_no_picture_is_refused_and_the_labels_stay(
    page: Page, complaints: list[str]
) -> None:
    page.goto("/playground/")
    not_a_photo = FilePayload(name="a.jpg", mimeType="image/jpeg", buffer=b"hello")
    page.locator("#picture").set_input_files(not_a_photo)
    type_labels(page, ["a heron"])

    page.get_by_role("button", name="classify").click()

    expect(page.get_by_text("not a picture we can read")).to_be_visible()
    expect(page.locator("textarea[name=labels]")).to_have_value("a heron")


def test_the_way_from_home_to_a_model_page_and_back(page: Page, complaints: list[str]) -> None:
    page.goto("/")
    page.get_by_role("link", name="models", exact=True).first.click()
    page.get_by_role("searchbox").fill("vit l14 openai")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="CLIP ViT-L/14").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("CLIP ViT-L/14")
    expect(page.get_by_text("coming soon").first).to_be_visible()
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_scrolls_sideways(page: Page, width: int, has_scripts: bool) -> None:
    if not has_scripts:
        pytest.skip("measuring needs scripts")
    page.set_viewport_size({"width": width, "height": 900})
    for address in ["/", "/models/", "/compare/", "/models/openai/clip-vit-large-patch14/"]:
        page.goto(address)

        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


@pytest.mark.timeout(600)  # one look at all pages
def test_no_page_breaks_a_rule_of_wcag(browser: Browser, site: Site) -> None:
    """On a phone and on a desk, by day and by night."""
    context = browser.new_context(base_url=site.address, reduced_motion="reduce")
    page = context.new_page()
    broken = {}
    for address in PAGES:
        page.goto(address)
        for width, scheme in itertools.product(WIDTHS, SCHEMES):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            if found := violations(page):
                broken[address, width, scheme] = found
    context.close()

    assert broken == {}
