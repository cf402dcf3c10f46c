"""From three photos of one's own to accuracies, with scripts and without, in a real Chromium."""

import csv
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import FilePayload, Page, Response, expect

from tests.conftest import SAMPLES
from tests.support.browser.accessibility import violations
from tests.support.browser.chromium import NEEDED
from tests.support.browser.weight import listen, weigh

WIDTHS = (390, 820, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
MODEL = "gigarouter/conse-demo"
LABELS = ["a cat", "a cup of coffee", "a rocket"]
PHOTOS = [SAMPLES / f"{name}.jpg" for name in ("cat", "coffee", "rocket")]

pytestmark = NEEDED


def fill_in(page: Page, photos: list[Path] | list[FilePayload], *, has_scripts: bool) -> None:
    """The model that is served, with one prompt and with seven."""
    page.goto("/try/compare/")
    page.locator("#photos").set_input_files(photos)
    if has_scripts:
        for label in LABELS:
            page.get_by_placeholder("add a label").fill(label)
            page.keyboard.press("Enter")
    else:
        page.locator("textarea[name=labels]").fill("\n".join(LABELS))
    page.get_by_label("model 1").select_option(MODEL)
    page.get_by_label("model 2").select_option(MODEL)
    page.get_by_label("prompts of column 2").select_option("openai-7")
    page.get_by_role("button", name="compare", exact=True).click()


def mark(page: Page, name: str, label: str) -> None:
    page.get_by_role("button", name=f"{name} shows {label}", exact=True).click()
    expect(page.get_by_role("rowheader", name=name)).to_contain_text(f"{label} ✓")


def test_three_photos_are_compared_marked_and_taken_along(
    page: Page, complaints: list[str], has_scripts: bool, tmp_path: Path
) -> None:
    fill_in(page, PHOTOS, has_scripts=has_scripts)

    expect(page.locator("#comparison .cell__label")).to_have_count(6)
    for name, label in zip(["cat.jpg", "coffee.jpg", "rocket.jpg"], LABELS, strict=True):
        mark(page, name, label)
    expect(page.locator(".photos__right").first).to_have_text(re.compile(r"^\s*3\s+of 3"))
    expect(page.get_by_text("3 against 3 of 3")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    file = tmp_path / "comparison.csv"
    download.value.save_as(file)
    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))
    assert [row[:3] for row in rows[1:]] == [
        ["cat.jpg", "a cat", "a cat"],
        ["coffee.jpg", "a cup of coffee", "a cup of coffee"],
        ["rocket.jpg", "a rocket", "a rocket"],
    ]
    page.get_by_role("button", name="delete now").click()
    expect(page.get_by_text("Deleted: the photos' copies")).to_be_visible()
    assert complaints == []


def test_a_file_that_is_no_picture_names_itself(
    page: Page, complaints: list[str], has_scripts: bool
) -> None:
    cat = FilePayload(name="cat.jpg", mimeType="image/jpeg", buffer=PHOTOS[0].read_bytes())
    notes = FilePayload(name="notes.jpg", mimeType="image/jpeg", buffer=b"hello")

    fill_in(page, [cat, notes], has_scripts=has_scripts)

    expect(page.locator("#comparison .cell__label")).to_have_count(2)
    row = page.get_by_role("row").filter(has_text="notes.jpg")
    expect(row).to_contain_text("not a picture we can read")


def test_a_refusal_keeps_what_was_chosen(
    page: Page, complaints: list[str], has_scripts: bool
) -> None:
    page.goto("/try/compare/")
    page.locator("#photos").set_input_files(PHOTOS[:1])
    if has_scripts:
        page.get_by_placeholder("add a label").fill("a cat")
    else:
        page.locator("textarea[name=labels]").fill("a cat")
    page.get_by_role("button", name="compare", exact=True).click()

    expect(page.get_by_text("at least two labels").first).to_be_visible()
    expect(page.locator("textarea[name=labels]")).to_have_value("a cat")
    if has_scripts:
        expect(page.locator("[data-chosen] li")).to_have_count(1)


def test_a_folder_gives_labels_and_truths(
    page: Page, complaints: list[str], has_scripts: bool, tmp_path: Path
) -> None:
    if not has_scripts:
        pytest.skip("only scripts know of folders")
    for name in ("cat", "coffee", "rocket"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes((SAMPLES / f"{name}.jpg").read_bytes())
    page.goto("/try/compare/")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="choose a folder").click()
    chooser.value.set_files(tmp_path)
    page.get_by_role("button", name="compare", exact=True).click()

    expect(page.locator(".photos__truth")).to_have_text(
        [re.compile(name) for name in ("cat", "coffee", "rocket")]
    )
    expect(page.locator(".photos__right").first).to_have_text(re.compile(r"^\s*\d\s+of 3"))
    assert complaints == []


def test_no_rule_of_wcag_is_broken_and_nothing_scrolls_sideways(
    page: Page, has_scripts: bool
) -> None:
    if not has_scripts:
        pytest.skip("measuring needs scripts")
    broken = {}

    def look(name: str) -> None:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                if found := violations(page):
                    broken[name, width, scheme] = found

    page.goto("/try/compare/")
    look("form")
    fill_in(page, PHOTOS, has_scripts=True)
    expect(page.locator("#comparison:not([data-hx-get]) .cell__label")).to_have_count(6)
    look("answers")
    mark(page, "cat.jpg", "a cat")
    page.locator("[data-show-crops]").check()
    look("truth")

    assert broken == {}


def test_both_pages_are_light(page: Page, has_scripts: bool) -> None:
    if not has_scripts:
        pytest.skip("without scripts there is less")
    responses: list[Response] = []
    listen(page, responses)
    page.goto("/try/compare/")
    page.wait_for_load_state("networkidle")
    form = weigh(responses)
    fill_in(page, PHOTOS, has_scripts=True)
    expect(page.locator("#comparison:not([data-hx-get]) .cell__label")).to_have_count(6)
    responses.clear()
    page.reload()
    page.wait_for_load_state("networkidle")

    result = weigh(responses)
    print(f"form {form}; result {result}")
    assert form.is_in_budget, form
    assert result.is_in_budget, result
