"""Axe against WCAG 2.2 AA: which rules a page is asked for, and which it breaks."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

WCAG_22_AA = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    # Of all other results axe then keeps one node each: most of its time went into them.
    "resultTypes": ["violations"],
}
RUN = """async (options) => {
  const { violations } = await axe.run(document, options);
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}"""

Violation = list[Any]  # a rule's name, and the HTML of each element that breaks it


def violations(page: Page) -> list[Violation]:
    """What of the page as it stands now breaks a rule; a page may be asked again and again."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    broken: list[Violation] = page.evaluate(RUN, WCAG_22_AA)
    return broken
