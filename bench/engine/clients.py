"""Clients of the API, in a process of their own: closed loops over keep-alive connections.

    python -m bench.engine.clients --port 8000 --folder PHOTOS --clients 32 --path PATH < key

Each client sends its next request when the last one is answered. Bodies are made beforehand but for
a number, and HTTP is spoken over plain sockets, so that the generator costs little of the cores it
shares with what it measures; its share is printed. The number makes each call another: the API
answers identical calls of one key, while the first is on its way, with one job. Counting begins
when every client has had an answer, and lasts until each had two more on average.
Prints one line of JSON. With --hold it sends one request a client and keeps the lines open until
its input ends: "held N" says that all are sent.
"""

import asyncio
import base64
import itertools
import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench.engine import photos
from bench.pages.load import Line

NUMBER_BYTES = 12
RAMP_S = 60.0
MOST_S = 60.0
LABELS = [
    "a cat",
    "a dog",
    "a cup of coffee",
    "a rocket",
    "a bridge",
    "a person",
    "a tree",
    "a car",
    "a plate of food",
    "a house",
]


@dataclass
class Samples:
    answered: Counter[int] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)
    last_s: float = 0.0
    refusal: str = ""


class Post:
    """Requests to one path: the bodies in turn, and no two alike."""

    def __init__(self, options: Namespace, key: str) -> None:
        self.images = options.images
        head = (
            f"POST {options.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: "
        )
        self._requests = [
            f"{head}{len(body) + NUMBER_BYTES}\r\n\r\n".encode() + body for body in _bodies(options)
        ]
        self._numbers = itertools.count()

    def request(self, turn: int) -> bytes:
        number = f'"{next(self._numbers):0{NUMBER_BYTES - 3}}"}}'
        return self._requests[turn % len(self._requests)] + number.encode()


def _bodies(options: Namespace) -> list[bytes]:
    """JSON that ends where the number belongs, in a field that the API ignores."""
    urls = [
        f"data:image/jpeg;base64,{base64.b64encode(photo).decode()}"
        for photo in photos.read(options.folder)
    ]
    fields: dict[str, Any] = {"model": options.model}  # JSON
    if options.path.endswith("classify"):
        fields |= {"labels": LABELS, "hypothesis_template": "a photo of {}"}
    else:
        fields |= {"encoding_format": "base64"}
    starts = range(len(urls)) if options.images == 1 else range(8)
    groups = [[urls[(start + n) % len(urls)] for n in range(options.images)] for start in starts]
    return [
        json.dumps(fields | {"input": [{"image": url} for url in group], "user": ""})
        .removesuffix('""}')
        .encode()
        for group in groups
    ]


async def run(options: Namespace, post: Post) -> dict[str, Any]:
    samples = Samples()
    lines = [await Line.to(options.port) for _ in range(options.clients)]
    clients = [
        asyncio.create_task(_client(number, line, post, samples))
        for number, line in enumerate(lines)
    ]
    await _until(lambda: len(samples.answered) == options.clients, at_most_s=RAMP_S)
    samples.took_s.clear()
    cpu_before, counted_from_s, began_s = time.process_time(), samples.last_s, time.perf_counter()
    await asyncio.sleep(options.seconds)
    await _until(lambda: len(samples.took_s) >= 2 * options.clients, at_most_s=MOST_S)
    share = (time.process_time() - cpu_before) / (time.perf_counter() - began_s)
    # From one answer to another: a few large answers would not fit a stopwatch's seconds.
    took_s, wall_s = sorted(samples.took_s), max(samples.last_s - counted_from_s, 1e-9)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return {
        "clients": options.clients,
        "images_per_s": len(took_s) * post.images / wall_s,
        "requests": len(took_s),
        # Of the whole run: what was asked before the counting began has cost something, too.
        "all_images": samples.statuses[HTTPStatus.OK] * post.images,
        "p50_ms": _percentile(took_s, 0.50),
        "p95_ms": _percentile(took_s, 0.95),
        "p99_ms": _percentile(took_s, 0.99),
        "generator_share": share,
        "statuses": {str(status): count for status, count in samples.statuses.items()},
        "refusal": samples.refusal,
    }


async def _until(holds: Callable[[], bool], *, at_most_s: float) -> None:
    end = time.perf_counter() + at_most_s
    while not holds() and time.perf_counter() < end:
        await asyncio.sleep(0.01)


async def _client(number: int, line: Line, post: Post, samples: Samples) -> None:
    turn = number
    while True:
        began = time.perf_counter()
        status, body = await line.send(post.request(turn))
        samples.statuses[status] += 1
        samples.answered[number] += 1
        turn += 1
        samples.last_s = time.perf_counter()
        if status == HTTPStatus.OK:
            # Counted where it ends: what began before the counting did is as long as the others.
            samples.took_s.append(samples.last_s - began)
        else:
            samples.refusal = body[:300].decode(errors="replace")
            await asyncio.sleep(0.2)


def _percentile(took_s: Sequence[float], share: float) -> float | None:
    return took_s[min(int(len(took_s) * share), len(took_s) - 1)] * 1000 if took_s else None


async def hold(options: Namespace, post: Post) -> None:
    """One request a client, not waited for; the lines stay open until the input ends."""
    lines = [await Line.to(options.port) for _ in range(options.clients)]
    for number, line in enumerate(lines):
        await line.write(post.request(number))
    print(f"held {len(lines)}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--path", default="/v1/embeddings")
    parser.add_argument("--model", required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--images", type=int, default=1, help="in a request")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--hold", action="store_true")
    options = parser.parse_args()
    post = Post(options, key=sys.stdin.readline().strip())
    if options.hold:
        asyncio.run(hold(options, post))
    else:
        print(json.dumps(asyncio.run(run(options, post))))


if __name__ == "__main__":
    main()
