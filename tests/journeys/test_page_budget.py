"""Every page is light, stays where it is while it loads, and asks nobody but us for anything.

The budgets are those of the design: HTML and CSS of a page under 30 kB together, its scripts under
30 kB, compressed. The site's own server compresses pages or leaves it to the proxy before it; here
everything is compressed as a proxy does it by default.
"""

import gzip
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from tests.support.chromium import NEEDED, PATIENCE_MS
from tests.support.pages import PAGES
from tests.support.site import Site

BUDGET_KB = 30.0
SETTLED_MS = 300
REDIRECTS = range(300, 400)  # they have no body
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


@dataclass(frozen=True)
class Weight:
    """Kilobytes (1,000 bytes) of a page, compressed."""

    html_kb: float
    css_kb: float
    scripts_kb: float

    @property
    def is_in_budget(self) -> bool:
        return self.html_kb + self.css_kb < BUDGET_KB and self.scripts_kb < BUDGET_KB

    def __str__(self) -> str:
        return (
            f"HTML {self.html_kb:.1f} + CSS {self.css_kb:.1f} = "
            f"{self.html_kb + self.css_kb:.1f} kB, scripts {self.scripts_kb:.1f} kB"
        )


def check_stated(responses: list[Response]) -> Weight:
    sizes = dict.fromkeys(("document", "stylesheet", "script"), 0.0)
    for response in responses:
        kind = response.request.resource_type
        if kind in sizes and response.status not in REDIRECTS:
            sizes[kind] += len(gzip.compress(response.body(), 6)) / 1000
    return Weight(sizes["document"], sizes["stylesheet"], sizes["script"])


def responses_of(context: BrowserContext, address: str) -> list[Response]:
    """All that a browser with an empty cache fetches to show a page."""
    page = context.new_page()
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))
    page.goto(address, wait_until="networkidle")
    return responses


def job_page(context: BrowserContext) -> str:
    """The address of a picture that has been classified."""
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="classify").click()
    page.get_by_role("heading", name="closest label").wait_for(timeout=PATIENCE_MS)
    return page.url


def test_every_page_is_light_and_asks_no_stranger(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.address)
    weights, strangers = {}, []
    for address in [*PAGES, job_page(context)]:
        responses = responses_of(context, address)
        weights[address] = check_stated(responses)
        asked = [response.url for response in responses]
        strangers += [url for url in asked if not url.startswith((site.address, "data:"))]
    context.close()

    table = "\n".join(f"{address}: {weight}" for address, weight in weights.items())
    print(table)
    assert strangers == []
    assert all(weight.html_kb > 1 for weight in weights.values()), table
    assert weights["/"].css_kb > 1, table
    assert all(weight.is_in_budget for weight in weights.values()), table


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_shifts_while_it_loads(browser: Browser, site: Site, width: int) -> None:
    context = browser.new_context(base_url=site.address, viewport={"width": width, "height": 900})
    context.add_init_script(WATCH_SHIFTS)
    addresses = [*PAGES, job_page(context)]
    shifts = {address: shifts_of(context.new_page(), address) for address in addresses}
    context.close()

    assert {address: found for address, found in shifts.items() if found} == {}


def shifts_of(page: Page, address: str) -> list[list[float | str]]:
    """Each shift of a page as it loads: how much, and what moved."""
    page.goto(address, wait_until="networkidle")
    page.wait_for_timeout(SETTLED_MS)
    found: list[list[float | str]] = page.evaluate("window.shifts")
    page.close()
    return found


def test_a_shift_is_seen(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.address)
    context.add_init_script(WATCH_SHIFTS)
    context.route(
        "**/shifts", lambda route: route.fulfill(body=A_PAGE_THAT_SHIFTS, content_type="text/html")
    )

    found = shifts_of(context.new_page(), "/shifts")
    context.close()

    assert sum(float(value) for value, *_ in found) > 0.01
