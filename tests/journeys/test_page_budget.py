"""Every page is light, stays where it is while it loads, and asks nobody but us for anything.

The budgets are those of the design: HTML and CSS of a page under 30 kB together, its scripts under
30 kB, compressed. The site's own server compresses pages or leaves it to the proxy before it; here
everything is compressed as a proxy does it by default.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Response, ViewportSize

from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.browser.pages import PAGES
from tests.support.browser.weight import Weight, listen, weigh
from tests.support.site import Site

SETTLED_MS = 300
AT_ONCE = 4
# In sum, a tenth of what web.dev calls good. Not 0: a browser short of time paints a list between
# two of its items, and the first may move by a line when the second arrives (seen: 0.005).
MOST_SHIFTED = 0.01
# Adds up what Chromium calls layout shifts, those before this script's turn included.
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const nodes = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? "text");
    window.shifts.push([entry.value, ...nodes]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
A_PAGE_THAT_SHIFTS = """<!DOCTYPE html><title>shifts</title><p>below</p>
<script>setTimeout(() => document.body.prepend(document.createElement("hr")), 200);
document.querySelector("p").style.height = "600px";</script><style>hr { height: 300px }</style>"""

pytestmark = NEEDED


def job_page(context: BrowserContext) -> str:
    """The address of a picture that has been classified."""
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="classify").click()
    page.get_by_role("heading", name="closest label").wait_for(timeout=PATIENCE_MS)
    return page.url


@dataclass(frozen=True)
class Visit:
    """A page as it was loaded. A shift: how much, and what moved."""

    weight: Weight
    fetched: list[str]
    shifts: list[list[float | str]]

    @property
    def shifted(self) -> float:
        return sum(float(value) for value, *_ in self.shifts)


def visit(context: BrowserContext, addresses: list[str]) -> dict[str, Visit]:
    """Load pages, some side by side: most of it is waiting."""
    visits: dict[str, Visit] = {}
    for start in range(0, len(addresses), AT_ONCE):
        visits |= visit_at_once(context, addresses[start : start + AT_ONCE])
    return visits


def visit_at_once(context: BrowserContext, addresses: list[str]) -> dict[str, Visit]:
    pages = {address: context.new_page() for address in addresses}
    responses: dict[str, list[Response]] = {address: [] for address in addresses}
    for address, page in pages.items():
        listen(page, responses[address])
        page.goto(address, wait_until="commit")
    for page in pages.values():
        page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLED_MS)
    visits = {
        address: Visit(
            weigh(responses[address]),
            [response.url for response in responses[address]],
            page.evaluate("window.shifts"),
        )
        for address, page in pages.items()
    }
    for page in pages.values():
        page.close()
    return visits


@contextmanager
def opened(browser: Browser, site: Site, *, width: int) -> Iterator[BrowserContext]:
    viewport = ViewportSize(width=width, height=900)
    context = browser.new_context(base_url=site.address, viewport=viewport)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCH_SHIFTS)
    try:
        yield context
    finally:
        context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_every_page_is_light_asks_no_stranger_and_stays_where_it_is(
    browser: Browser, site: Site, width: int
) -> None:
    with opened(browser, site, width=width) as context:
        visits = visit(context, [*PAGES, job_page(context)])
    weights = {address: seen.weight for address, seen in visits.items()}
    fetched = [url for seen in visits.values() for url in seen.fetched]

    moved = {at: seen.shifts for at, seen in visits.items() if seen.shifted > MOST_SHIFTED}
    assert moved == {}
    assert [url for url in fetched if not url.startswith((site.address, "data:"))] == []
    table = "\n".join(f"{address}: {weight}" for address, weight in weights.items())
    print(table)
    assert all(weight.html_kb > 1 for weight in weights.values()), table
    assert weights["/"].css_kb > 1, table
    assert all(weight.is_in_budget for weight in weights.values()), table


def test_a_shift_is_seen(browser: Browser, site: Site) -> None:
    """Of each of the pages that load side by side."""
    with opened(browser, site, width=1440) as context:
        context.route(
            "**/shifts/*",
            lambda route: route.fulfill(body=A_PAGE_THAT_SHIFTS, content_type="text/html"),
        )

        visits = visit(context, [f"/shifts/{number}" for number in range(AT_ONCE)])

    for seen in visits.values():
        assert seen.shifted > MOST_SHIFTED
