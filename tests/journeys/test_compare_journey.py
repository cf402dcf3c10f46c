"""Choosing models to compare, and using the chart: by mouse, keyboard and touch, with and without
scripts.
"""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.support.browser.accessibility import violations
from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.site import Site

L14 = "openai/clip-vit-large-patch14"
B32 = "openai/clip-vit-base-patch32"
WIDTHS = {"phone": 390, "tablet": 820, "desk": 1440}

pytestmark = NEEDED


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def has_scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def opened(browser: Browser, site: Site, **options: object) -> Iterator[Page]:
    context = browser.new_context(
        base_url=site.address,
        viewport=ViewportSize(width=1440, height=1000),
        reduced_motion="reduce",
        **options,  # type: ignore[arg-type]  # Playwright's own, by name
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(browser: Browser, site: Site, has_scripts: bool) -> Iterator[Page]:
    yield from opened(browser, site, java_script_enabled=has_scripts)


@pytest.fixture
def scripted_page(browser: Browser, site: Site) -> Iterator[Page]:
    yield from opened(browser, site)


@pytest.fixture
def touch_page(browser: Browser, site: Site) -> Iterator[Page]:
    yield from opened(browser, site, has_touch=True)


def boxes(page: Page) -> Locator:
    return page.locator("table.models [name=m]")


def heads(page: Page) -> list[str]:
    names = page.locator("table.compare__table").first.locator("thead .compare__repo")
    expect(names.first).to_be_visible()
    return names.all_inner_texts()


def chosen_in(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("m", [])


@pytest.mark.parametrize("number", [2, 4])
def test_models_ticked_in_the_catalog_are_compared(page: Page, number: int) -> None:
    page.goto("/models/")
    expect(page.get_by_role("region", name="models to compare")).to_be_hidden()
    chosen = [str(boxes(page).nth(index).get_attribute("value")) for index in range(number)]

    for index in range(number):
        boxes(page).nth(index).check()
    page.get_by_role("region", name="models to compare").get_by_role("button").click()

    assert heads(page) == chosen
    shared = page.url
    page.goto("about:blank")
    page.goto(shared)
    assert heads(page) == chosen


def test_columns_stand_in_the_order_in_which_they_were_ticked(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/models/")
    later, first = boxes(page).nth(0), boxes(page).nth(5)
    order = [str(box.get_attribute("value")) for box in (first, later)]

    first.check()
    later.check()
    page.get_by_role("button", name="compare 2").click()

    assert heads(page) == order


def test_a_fifth_tick_is_refused_in_words(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/models/")
    for index in range(4):
        boxes(page).nth(index).check()
    fifth = boxes(page).nth(4)

    fifth.click()

    expect(fifth).not_to_be_checked()
    status = page.get_by_role("region", name="models to compare").get_by_role("status")
    expect(status).to_contain_text("4 models fit side by side. Untick one")
    assert len(chosen_in(page)) == 4
    boxes(page).nth(0).uncheck()
    fifth.check()
    expect(page.get_by_role("button", name="compare 4")).to_be_visible()


def test_a_fifth_model_is_refused_in_words_without_scripts(page: Page) -> None:
    page.goto("/models/")
    names = [str(boxes(page).nth(index).get_attribute("value")) for index in range(5)]

    page.goto("/compare/?" + "&".join(f"m={name}" for name in names))

    assert heads(page) == names[:4]
    expect(page.get_by_role("alert")).to_contain_text("Four models fit side by side")
    page.get_by_role("link", name="remove").first.click()
    assert heads(page) == names[1:]


def test_ticks_last_while_people_search_and_go_on(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/models/")
    ticked = boxes(page).nth(0)
    repo = str(ticked.get_attribute("value"))
    ticked.check()

    page.get_by_role("searchbox").fill("openai clip vit large")
    expect(page.locator("table.models tbody th a").first).to_contain_text("CLIP ViT-L/14")
    page.locator(f"table.models [value='{L14}']").check()
    page.get_by_role("list", name="sort by").get_by_role("link", name="compute").click()
    expect(page.locator("[aria-label='sort by'] [aria-current]")).to_have_text("compute")

    assert chosen_in(page) == [repo, L14]
    elsewhere = page.get_by_role("list", name="ticked on other pages")
    expect(elsewhere.get_by_role("checkbox")).to_be_checked()
    page.reload()
    page.get_by_role("button", name="compare 2").click()
    assert heads(page) == [repo, L14]


def test_a_model_is_searched_and_added(page: Page, has_scripts: bool) -> None:
    page.goto(f"/compare/?m={B32}")
    expect(page.get_by_text("Add at least one more.")).to_be_visible()

    page.get_by_role("searchbox").fill("bigG laion2B")
    if not has_scripts:
        page.get_by_role("button", name="find").click()
    page.get_by_role("link", name="add CLIP ViT-bigG/14").click()

    assert heads(page) == [B32, "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k"]


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_a_comparison_of_four_fits_the_window(scripted_page: Page, width: int) -> None:
    page = scripted_page
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/compare/?m={L14}&m={B32}&m=apple/DFN5B-CLIP-ViT-H-14-378&m=timm/ViT-B-16-SigLIP")

    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("summary").first.click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []


def points(page: Page) -> Locator:
    return page.locator(".chart__model")


def tip(page: Page) -> Locator:
    return page.locator("[data-chart-tip]")


def center(point: Locator) -> tuple[float, float]:
    box = point.locator("use").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_chart_is_one_stop_and_arrow_keys_walk_it(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/models/")
    best = points(page).and_(page.locator("[tabindex='0']"))
    best.focus()
    expect(tip(page)).to_contain_text(str(best.get_attribute("aria-label")).split(":")[0])

    page.keyboard.press("Home")
    xs = []
    for _ in range(points(page).count()):
        focused = page.locator(".chart__model:focus")
        xs.append(float(str(focused.get_attribute("data-x"))))
        expect(tip(page)).to_be_visible()
        page.keyboard.press("ArrowRight")
    assert xs == sorted(xs)
    stops = points(page).evaluate_all("all => all.filter((one) => one.tabIndex === 0).length")
    assert stops == 1

    height = float(str(page.locator(".chart__model:focus").get_attribute("data-y")))
    page.keyboard.press("ArrowDown")
    assert float(str(page.locator(".chart__model:focus").get_attribute("data-y"))) >= height
    page.keyboard.press("Escape")
    expect(tip(page)).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.locator(".best summary")).to_be_focused()


def test_the_pointer_shows_a_label_and_lights_the_row(scripted_page: Page) -> None:
    page = scripted_page
    page.goto("/models/")
    point = page.locator(".chart__model--best").last
    page.locator(".chart").scroll_into_view_if_needed()
    x, y = center(point)

    page.mouse.move(x + 3, y + 3)

    address = str(point.get_attribute("href"))
    name, figures = str(point.get_attribute("aria-label")).split(": ", 1)
    expect(tip(page).locator("strong")).to_have_text(name)
    expect(tip(page)).to_contain_text(figures.split("; ")[0])
    row = page.locator("tr.models__row--lit")
    expect(row.locator("th a")).to_have_attribute("href", address)
    assert violations(page) == []
    page.mouse.click(x + 3, y + 3)
    page.wait_for_url(f"**{address}")


def test_a_first_touch_shows_the_label_and_a_second_opens_the_page(touch_page: Page) -> None:
    page = touch_page
    page.goto("/models/")
    page.locator(".chart").scroll_into_view_if_needed()
    point = page.locator(".chart__model--best").last
    address, (x, y) = str(point.get_attribute("href")), center(point)

    page.touchscreen.tap(x, y)
    expect(tip(page)).to_be_visible()
    assert urlsplit(page.url).path == "/models/"
    page.touchscreen.tap(x, y)

    page.wait_for_url(f"**{address}")


def test_the_axes_are_links(page: Page) -> None:
    page.goto("/models/")
    page.get_by_role("list", name="across: cost").get_by_role("link", name="price").click()
    expect(page.get_by_role("heading", name="ImageNet by price")).to_be_visible()
    page.get_by_role("list", name="up: accuracy").get_by_role("link", name="mean").click()

    expect(page.get_by_role("heading", name="mean of 38 datasets by price")).to_be_visible()
    assert "x=price" in page.url
    assert "y=mean" in page.url


def test_on_a_phone_the_line_is_a_list(scripted_page: Page) -> None:
    page = scripted_page
    page.set_viewport_size({"width": WIDTHS["phone"], "height": 900})
    page.goto("/models/")

    expect(page.locator(".chart__svg")).to_be_hidden()
    expect(page.locator(".best__list li").first).to_be_visible()
    best = page.locator(".chart__model--best").count()
    assert page.locator(".best__list li").count() == best


def test_a_tablet_keeps_the_table(scripted_page: Page) -> None:
    page = scripted_page
    page.set_viewport_size({"width": WIDTHS["tablet"], "height": 1100})
    page.goto("/models/")

    expect(page.get_by_role("columnheader", name="GFLOPs")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTHS["tablet"]


def test_in_a_low_window_the_rails_actions_are_reached(scripted_page: Page) -> None:
    page = scripted_page
    page.set_viewport_size({"width": 1280, "height": 625})
    page.goto(f"/models/{L14}/")
    page.locator("#accuracy").scroll_into_view_if_needed()
    rail = page.locator(".rail")

    for action in rail.locator("button, a").all():
        action.scroll_into_view_if_needed()
        expect(action).to_be_in_viewport()
    expect(rail).to_be_in_viewport()
