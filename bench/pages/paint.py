"""When a phone on a slow line has drawn the largest part of a page.

The line is the one that web measuring tools call slow 4G (1.6 Mbit/s down, 750 kbit/s up, 150 ms a
round trip), the processor a quarter of this machine's; the browser comes with an empty cache.
"""

import shutil
from collections.abc import Mapping, Sequence

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from bench.pages.report import Report, Spread

PAGES = ["/", "/models/", "/models/openai/clip-vit-large-patch14/", "/playground/", "/roadmap/"]
PHONE = ViewportSize(width=390, height=844)
LATENCY_MS = 150
DOWN_BYTES_PER_S = 1_600_000 / 8
UP_BYTES_PER_S = 750_000 / 8
CPU_SLOWDOWN = 4
SETTLED_MS = 300
WATCH = """
window.seen = { paint: 0, shift: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.seen.paint = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.seen.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def of_pages(port: int, *, rounds: int) -> Report:
    """Milliseconds to the largest contentful paint, and the sum of layout shifts, by page.

    Empty where no Chromium is installed.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        return {}
    seen: dict[str, list[tuple[float, float]]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for number in range(rounds + 1):
            for page in PAGES:
                visited = _visit(browser, f"http://127.0.0.1:{port}{page}")
                if number:  # the first round warms up
                    seen.setdefault(page, []).append(visited)
        browser.close()
    return _report(seen)


def _visit(browser: Browser, address: str) -> tuple[float, float]:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.add_init_script(WATCH)
    session = context.new_cdp_session(page)
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": DOWN_BYTES_PER_S,
            "uploadThroughput": UP_BYTES_PER_S,
        },
    )
    session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    page.goto(address, wait_until="networkidle")
    page.wait_for_timeout(SETTLED_MS)
    seen = page.evaluate("window.seen")
    context.close()
    return seen["paint"], seen["shift"]


def _report(seen: Mapping[str, Sequence[tuple[float, float]]]) -> Report:
    report = {}
    for page, visits in seen.items():
        paints, shifts = zip(*visits, strict=True)
        report[f"{page} on a slow phone: ms to the largest paint"] = Spread.of(paints)
        report[f"{page} on a slow phone: layout shift"] = Spread.of(shifts)
    return report
