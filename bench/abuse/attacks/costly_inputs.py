"""Inputs that are cheap to send and dear to work on."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from bench.abuse import pictures
from bench.abuse.attack import Outcome, Target
from bench.abuse.attacks.wire import Caller

EMBED = "/v1/embeddings"
CLASSIFY = "/v1/classify"
# An answer, or a refusal that says why. A job that failed by its input is a 422.
ANSWERED = ("200", "202", "400", "402", "413", "422", "429")


async def large_pngs(target: Target) -> Outcome:
    url = pictures.data_url(await asyncio.to_thread(pictures.large_png))
    body = _images(target, [url] * 70)
    return await _call(target, [(EMBED, body)] * target.count(8, 2))


async def tiny_pngs(target: Target) -> Outcome:
    url = pictures.data_url(await asyncio.to_thread(pictures.tiny_png))
    return await _call(target, [(EMBED, _images(target, [url] * 200))])


async def most_pixels(target: Target) -> Outcome:
    return await _ten_largest(target, pictures.large_png)


async def dear_pixels(target: Target) -> Outcome:
    return await _ten_largest(target, pictures.dear_png)


async def _ten_largest(target: Target, picture: Callable[[], bytes]) -> Outcome:
    """As many pixels as a request may have, in calls that do not share a job."""
    url = pictures.data_url(await asyncio.to_thread(picture))
    calls = [
        (EMBED, _body(target, input=[{"image": url}] * 10, user=str(number)))
        for number in range(target.count(8, 2))
    ]
    return await _call(target, calls)


async def long_words(target: Target) -> Outcome:
    words = [chr(ord("a") + number) * 8192 for number in range(20)]
    mixed = [("ab" + chr(ord("c") + number)) * 2730 for number in range(20)]
    # Letters that are several tokens each, and none that a pattern would cut at.
    wide = [chr(0x4E00 + number) * 8192 for number in range(20)]
    bodies = [_body(target, input=texts) for texts in (words, mixed, wide)]
    return await _call(target, [(EMBED, body) for body in bodies])


async def many_labels(target: Target) -> Outcome:
    image = [{"image": pictures.data_url(pictures.small_photo(), "jpeg")}]
    longest = [f"{number} ".ljust(500, "x") for number in range(1000)]
    labels: Sequence[object] = (
        "a," * target.count(4_000_000, 500_000),
        ["a"] * target.count(1_000_000, 100_000),
        longest,
    )
    bodies = [_body(target, input=image, labels=given) for given in labels]
    bodies.append(_body(target, input=image * 256, labels=longest))
    outcome = await _call(target, [(CLASSIFY, body) for body in bodies])
    refused = sum(count for status, count in outcome.statuses.items() if status.startswith("4"))
    outcome.expect(refused >= len(bodies) - 1, "took more labels than a request may have")
    return outcome


def _images(target: Target, urls: Sequence[str]) -> bytes:
    return _body(target, input=[{"image": url} for url in urls])


def _body(target: Target, **fields: Any) -> bytes:
    """`fields` become JSON."""
    return json.dumps({"model": target.model} | fields).encode()


async def _call(target: Target, calls: Sequence[tuple[str, bytes]]) -> Outcome:
    """All at once."""
    outcome = Outcome()
    async with Caller(target, outcome) as caller:
        await asyncio.gather(*(caller.post(path, body) for path, body in calls))
    outcome.expect_only(*ANSWERED)
    return outcome
