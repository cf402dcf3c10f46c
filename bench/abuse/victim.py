"""Somebody ordinary, in a process of their own: each second one call, and one page.

    python -m bench.abuse.victim --port 8000 --model owner/name [--url http://good.example/a.jpg]

The key is the first line of its input. It begins each second, whether the second before is answered
or not: a site that stands still is asked by more and more. "ready" says that the first call was
answered. When the input ends, it waits for what is under way and prints JSON: for each of "call"
and "page", `took_s`, `errors` and `statuses`.
"""

import asyncio
import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import Any

import httpx

from bench.abuse import pictures

# A little more than a second: sixty calls in any minute are allowed.
EVERY_S = 1.05
PATIENCE_S = 90.0
PAGE = "/models/"


class Probe:
    """One kind of request, and how each of them went."""

    def __init__(self, http: httpx.AsyncClient, method: str, path: str, **options: Any) -> None:
        self._http = http
        self._request = (method, path)
        self._options = options
        self._statuses: Counter[str] = Counter()
        self._took_s: list[float] = []

    async def send(self) -> None:
        began_s = time.perf_counter()
        try:
            response = await self._http.request(*self._request, **self._options)
            status = str(response.status_code)
        except httpx.HTTPError as error:
            status = type(error).__name__
        self._took_s.append(time.perf_counter() - began_s)
        self._statuses[status] += 1

    def figures(self) -> dict[str, Any]:
        return {
            "took_s": self._took_s,
            "errors": self._statuses.total() - self._statuses["200"],
            "statuses": dict(self._statuses),
        }


async def main(options: Namespace, key: str) -> None:
    image = options.url or pictures.data_url(pictures.small_photo(), "jpeg")
    body = {"model": options.model, "input": [{"image": image}]}
    origin = f"http://127.0.0.1:{options.port}"
    async with httpx.AsyncClient(base_url=origin, timeout=PATIENCE_S) as http:
        headers = {"Authorization": f"Bearer {key}"}
        call = Probe(http, "POST", "/v1/embeddings", json=body, headers=headers)
        page = Probe(http, "GET", PAGE)
        await asyncio.gather(call.send(), page.send())
        print("ready", flush=True)
        await _every_second([call, page], asyncio.create_task(asyncio.to_thread(sys.stdin.read)))
    print(json.dumps({"call": call.figures(), "page": page.figures()}), flush=True)


async def _every_second(probes: list[Probe], stopped: "asyncio.Task[str]") -> None:
    under_way = []
    while not (await asyncio.wait({stopped}, timeout=EVERY_S))[0]:
        under_way += [asyncio.create_task(probe.send()) for probe in probes]
    await asyncio.gather(*under_way)


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--url", default="")
    asyncio.run(main(parser.parse_args(), sys.stdin.readline().strip()))
