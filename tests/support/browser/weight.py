"""What a page weighs as it comes through the wire, compressed."""

import gzip
from dataclasses import dataclass

from playwright.sync_api import Page, Response

BUDGET_KB = 30.0
REDIRECTS = range(300, 400)  # they have no body


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


def weigh(responses: list[Response]) -> Weight:
    sizes = dict.fromkeys(("document", "stylesheet", "script"), 0.0)
    for response in responses:
        kind = response.request.resource_type
        if kind in sizes and response.status not in REDIRECTS:
            sizes[kind] += len(gzip.compress(response.body(), 6)) / 1000
    return Weight(sizes["document"], sizes["stylesheet"], sizes["script"])


def listen(page: Page, responses: list[Response]) -> None:
    page.on("response", lambda response: responses.append(response))
