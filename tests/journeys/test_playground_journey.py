"""From one result to the next, in a real Chromium, with and without JavaScript."""

import itertools
import re
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import SAMPLES
from tests.support.browser.accessibility import violations
from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.site import Site

SMALL = "gigarouter/conse-demo-small"
WIDTHS = (390, 820, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Drops a file on an element, as from another window.
DROP = """(target, [name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  for (const type of ["dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""

pytestmark = NEEDED


def classify_the_sample(page: Page) -> None:
    page.goto("/playground/")
    page.get_by_role("button", name="classify").click()
    expect_said(page, "closest label: a cat")


def expect_said(page: Page, words: str) -> None:
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(re.compile(words), timeout=PATIENCE_MS)


def add_label(page: Page, label: str) -> None:
    area = page.locator("textarea[name=labels]")
    if area.is_visible():
        area.fill(f"{area.input_value()}\n{label}")
        return
    page.get_by_placeholder("add a label").fill(label)
    page.keyboard.press("Enter")


def scores(page: Page) -> Locator:
    return page.locator(".bars--scores").first


def test_a_result_is_run_again_on_its_picture(
    page: Page, complaints: list[str], has_scripts: bool
) -> None:
    classify_the_sample(page)
    before = page.url
    page.evaluate("window.isTheSamePage = true") if has_scripts else None

    add_label(page, "a tiger")
    page.get_by_label("none of these").check()
    page.get_by_role("button", name="run again").click()

    expect(scores(page)).to_contain_text("a tiger", timeout=PATIENCE_MS)
    expect(scores(page)).to_contain_text("none of these")
    assert page.url != before
    assert re.search(r"/jobs/[0-9a-f-]+/$", page.url)
    if has_scripts:
        assert page.evaluate("window.isTheSamePage")
        expect(page.locator("[data-said]")).to_be_focused()
        expect(page.locator("#history")).to_contain_text("run from this browser: 2")
        page.go_back()
        expect(scores(page)).not_to_contain_text("a tiger")
    assert complaints == []


def test_an_error_on_a_result_keeps_everything(page: Page, has_scripts: bool) -> None:
    classify_the_sample(page)
    page.locator("[data-prompts] summary").click()
    page.locator("#template").fill("no place for it")

    page.get_by_role("button", name="run again").click()

    expect(page.get_by_text("exactly once")).to_be_visible()
    expect(page.locator("#template")).to_have_value("no place for it")
    expect(page.get_by_alt_text("the picture you sent")).to_be_visible()
    page.locator("#template").fill("a drawing of {}")
    page.get_by_role("button", name="run again").click()
    expect(page.locator("#template")).to_have_value("a drawing of {}", timeout=PATIENCE_MS)
    expect_said(page, "closest label")


def test_another_model_answers_beside_the_first(page: Page, complaints: list[str]) -> None:
    classify_the_sample(page)
    page.locator("select[name=model]").select_option(SMALL)

    page.get_by_role("button", name="run beside this result").click()

    table = page.locator(".versus")
    expect(table).to_contain_text("stand-in demo encoder, small", timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name="both say “a cat”")).to_be_visible()
    expect(page.get_by_text("A stand-in answered here").first).to_be_visible()
    assert complaints == []


def test_a_shared_link_opens_elsewhere_until_it_is_revoked(
    page: Page, browser: Browser, site: Site, complaints: list[str]
) -> None:
    classify_the_sample(page)
    page.get_by_role("button", name="make a link to share").click()
    path = page.get_by_label("link to this result").input_value().split("/", 3)[3]
    guest = browser.new_context(base_url=site.address).new_page()

    guest.goto(f"/{path}")
    expect(guest.get_by_role("heading", level=1)).to_have_text("closest label: a cat")
    assert violations(guest) == []
    page.get_by_role("button", name="revoke the link").click()
    expect(page.get_by_text("The link is revoked")).to_be_visible()
    guest.reload()

    expect(guest.get_by_role("heading", level=1)).to_have_text("this link has ended")
    guest.context.close()
    assert complaints == []


def test_delete_now_says_that_it_is_done(page: Page, complaints: list[str]) -> None:
    classify_the_sample(page)
    address = page.url

    page.get_by_role("button", name="delete now").click()

    expect(page.get_by_text("Deleted: the result, its picture")).to_be_visible()
    assert page.request.get(address).status == 404
    assert complaints == []


def test_scores_can_be_taken_along(page: Page) -> None:
    classify_the_sample(page)

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()

    text = download.value.path().read_text()
    assert text.startswith("image,rank,label,score,similarity,logit")
    assert "1,1,a cat," in text


def test_a_picture_survives_an_error(page: Page) -> None:
    page.goto("/playground/")
    page.locator("#picture").set_input_files(SAMPLES / "coffee.jpg")
    page.locator("[data-prompts] summary").click()
    page.locator("#template").fill("no place for it")
    page.get_by_role("button", name="classify").click()
    expect(page.get_by_text("so is your picture")).to_be_visible()
    expect(page.get_by_alt_text("the picture you chose")).to_be_visible()

    page.locator("#template").fill("a photo of {}")
    add_label(page, "a cup of coffee")
    page.get_by_role("button", name="classify").click()

    expect_said(page, "closest label: a cup of coffee")


def test_each_sample_comes_with_its_labels(page: Page, has_scripts: bool) -> None:
    page.goto("/playground/")
    area = page.locator("textarea[name=labels]")

    if has_scripts:
        page.locator("[name=sample][value=rocket]").check(force=True)
    else:
        page.get_by_role("link", name="a rocket").click()

    expect(area).to_have_value(re.compile("^a rocket\n"))
    page.get_by_role("button", name="classify").click()
    expect_said(page, "closest label: a rocket")


def test_labels_of_ones_own_stay_with_another_sample(page: Page, has_scripts: bool) -> None:
    if not has_scripts:
        pytest.skip("scripts bring a sample's labels")
    page.goto("/playground/")
    add_label(page, "a heron")

    page.locator("[name=sample][value=rocket]").check(force=True)

    expect(page.locator("textarea[name=labels]")).to_have_value("a cat\na dog\na car\na heron")


def test_a_chip_is_edited_in_its_place(page: Page, has_scripts: bool) -> None:
    if not has_scripts:
        pytest.skip("chips are made by a script")
    page.goto("/playground/")
    area = page.locator("textarea[name=labels]")

    page.get_by_role("button", name="edit a dog").press("Enter")
    page.keyboard.type("a wolf")
    page.keyboard.press("Enter")
    expect(area).to_have_value("a cat\na wolf\na car")
    expect(page.get_by_role("button", name="edit a wolf")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("nothing")
    page.keyboard.press("Escape")

    expect(area).to_have_value("a cat\na wolf\na car")


def test_a_picture_dropped_anywhere_is_taken(page: Page, has_scripts: bool) -> None:
    if not has_scripts:
        pytest.skip("dropping needs a script")
    page.goto("/playground/")
    content = page.evaluate(
        """async () => {
          const bytes = await (await fetch("/static/samples/rocket.jpg")).arrayBuffer();
          return btoa(String.fromCharCode(...new Uint8Array(bytes)));
        }"""
    )

    page.locator("footer").evaluate(DROP, ["rocket.jpg", content])

    assert page.locator("#picture").evaluate("input => input.files[0].name") == "rocket.jpg"
    expect(page.locator(".picture__own")).to_be_visible()


def test_the_pages_of_a_result_break_no_rule_of_wcag(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.address, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    classify_the_sample(page)
    page.locator("select[name=model]").select_option(SMALL)
    page.get_by_role("button", name="run beside this result").click()
    page.locator(".versus").wait_for()
    page.reload()
    for summary in page.locator("main summary").all():
        summary.click()
    broken = {}

    for width, scheme in itertools.product(WIDTHS, SCHEMES):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        if found := violations(page):
            broken[f"{width} {scheme}"] = found
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    context.close()
    assert broken == {}
