"""A load generator that costs little: keep-alive connections over plain sockets.

It understands what our server sends (a status line, headers, Content-Length) and nothing else. An
HTTP library would need about as much of a core as the server that it measures.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

# As a browser asks, so that a page that is kept compressed is sent as it is.
HEADERS = "Host: 127.0.0.1\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n"


class Unexpected(Exception):
    pass


@dataclass(frozen=True)
class Burst:
    """What some seconds of load came to; `generator_share` is of one core."""

    requests: int
    seconds: float
    generator_share: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def get(self, address: str) -> float:
        """Fetch a page; returns the seconds until its last byte. Raises `Unexpected`."""
        began = time.perf_counter()
        status, body = await self.send(f"GET {address} HTTP/1.1\r\n{HEADERS}\r\n".encode())
        if status != HTTPStatus.OK:
            raise Unexpected(f"{address}: {status} {body[:500]!r}")
        return time.perf_counter() - began

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; returns status and body of its answer."""
        await self.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head.split(maxsplit=2)[1]), await self._reader.readexactly(length)

    async def write(self, request: bytes) -> None:
        self._writer.write(request)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def burst(port: int, addresses: Sequence[str], *, lines: int, seconds: float) -> Burst:
    """Ask for the addresses in turn, over some lines at once, as fast as answers come."""
    end = time.perf_counter() + seconds
    turn = itertools.cycle(addresses)
    opened = [await Line.to(port) for _ in range(lines)]
    began, cpu_before = time.perf_counter(), time.process_time()
    counts = await asyncio.gather(*(_ask(line, turn, end) for line in opened))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu_before
    for line in opened:
        await line.close()
    return Burst(requests=sum(counts), seconds=wall, generator_share=cpu / wall)


async def _ask(line: Line, turn: Iterator[str], end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        await line.get(next(turn))
        count += 1
    return count
