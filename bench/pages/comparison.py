"""The two comparisons of `make bench-pages`, each in turns within one run."""

from collections.abc import Sequence

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from bench.pages.load import Line, burst
from bench.pages.report import Report, Spread

CONSTANT = "/bench/constant/"
PAGE = "/models/openai/clip-vit-large-patch14/"
SEARCHES = [
    "/models/?q=vit+l14&family=DataComp&sort=compute",
    "/models/?q=clip+large&status=coming-soon&sort=downloads",
    "/models/zero-shot-image/?q=siglip&sort=price",
    "/models/?q=convnext&family=ConvNeXt+CLIP&sort=efficiency",
    "/models/?q=vit+b&sort=newest",
]
LINES = 8


def count_queries() -> int:
    """Of a model page that is made uncached, for somebody without a session."""
    client = Client(SERVER_NAME="127.0.0.1")
    with override_settings(PAGE_CACHE_S=0):
        client.get(PAGE)  # whatever happens only once
        with CaptureQueriesContext(connection) as captured:
            client.get(PAGE)
    return len(captured)


async def of_pages(
    *, cached: int, uncached: int, pages: Sequence[str], rounds: int, seconds: float
) -> Report:
    """Requests per second of model pages beside those of a view that returns a constant.

    `cached` and `uncached` are the ports of two servers; the second makes every page uncached.
    """
    targets = {
        "a constant": (cached, [CONSTANT]),
        "a model page": (cached, [PAGE]),
        "all model pages in turn": (cached, pages),
        "a model page made uncached": (uncached, [PAGE]),
    }
    rates: dict[str, list[float]] = {name: [] for name in targets}
    shares = []
    for number in range(rounds + 1):
        for name, (port, addresses) in targets.items():
            result = await burst(port, addresses, lines=LINES, seconds=seconds)
            if number:  # the first round warms up
                rates[name].append(result.per_second)
                shares.append(result.generator_share)
    report = {f"{name}: requests/s": Spread.of(rate) for name, rate in rates.items()}
    report["load generator: share of one core"] = Spread.of(shares)
    constant = rates.pop("a constant")
    for name, rate in rates.items():
        report[f"RATIO {name} / a constant"] = Spread.of_ratios(rate, constant)
    return report


async def of_catalogs(*, small: int, large: int, rounds: int) -> Report:
    """Milliseconds of searches in two catalogs; the ports are of servers that keep nothing.

    One request at a time, small and large in turns: it is the time that counts, not the load.
    """
    lines = {"small": await Line.to(small), "large": await Line.to(large)}
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds + 1):
        for search in SEARCHES:
            for size, line in lines.items():
                took_s = await line.get(search)
                if number:  # the first round warms up
                    times.setdefault((size, search), []).append(took_s * 1000)
    for line in lines.values():
        await line.close()
    report = {f"{size} catalog, {what}: ms": Spread.of(ms) for (size, what), ms in times.items()}
    for search in SEARCHES:
        ratio = Spread.of_ratios(times["large", search], times["small", search])
        report[f"RATIO large / small catalog, {search}"] = ratio
    report["RATIO large / small catalog, all of these"] = Spread.of_ratios(
        *([ms for search in SEARCHES for ms in times[size, search]] for size in ("large", "small"))
    )
    return report
