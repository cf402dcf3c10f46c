"""The documentation in a real Chromium: the reader's language is remembered."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser.chromium import NEEDED, PATIENCE_MS
from tests.support.site import Site

pytestmark = NEEDED
PYTHON, CURL = "openai.py", "curl.sh"


def opened(page: Page) -> list[str]:
    """Of each example that has code in Python, the languages whose code is shown."""
    languages: list[str] = page.eval_on_selector_all(
        f'.code:has([data-language="{PYTHON}"]) details[open]',
        "all => all.map((one) => one.dataset.language)",
    )
    return languages


@pytest.fixture
def page(browser: Browser, site: Site) -> Page:
    page = browser.new_context(base_url=site.address).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def test_the_language_opened_last_is_open_on_every_page(page: Page) -> None:
    page.goto("/docs/")
    first = opened(page)

    page.locator("summary", has_text="Python, openai").last.click()
    expect(page.locator(f'details[data-language="{PYTHON}"]').first).to_have_attribute("open", "")
    chosen = opened(page)
    page.goto("/docs/endpoints/")

    assert set(first) == {CURL}
    assert len(chosen) == len(first)
    assert set(chosen) == {PYTHON}
    assert set(opened(page)) == {PYTHON}
