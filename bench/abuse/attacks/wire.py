"""Connections of an attacker: raw ones that say half of what they should, and an API client's.

Attackers come from loopback addresses of their own, so that the site counts them apart from the
victim at 127.0.0.1. Linux has all of 127.0.0.0/8; elsewhere they must be added first.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import httpx

from bench.abuse.attack import CLOSED, SILENT, Outcome, Target

ATTACKER = "127.66.0.1"
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})")
PIECE = 256 * 1024
# Longer than the API waits for a job.
PATIENCE_S = 120.0
DRIP_EVERY_S = 5.0


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, target: Target, *, source: str = ATTACKER) -> "Wire":
        """Raises OSError."""
        return cls(*await asyncio.open_connection("127.0.0.1", target.port, local_addr=(source, 0)))

    async def send(self, data: bytes, *, within_s: float = PATIENCE_S) -> bool:
        """Whether the site took all of it."""
        try:
            async with asyncio.timeout(within_s):
                for start in range(0, len(data), PIECE):
                    self._writer.write(data[start : start + PIECE])
                    await self._writer.drain()
        except OSError:  # TimeoutError, too
            return False
        return True

    async def status(self, *, within_s: float = PATIENCE_S) -> str:
        """The next answer's status; CLOSED without one, SILENT if nothing happens in time."""
        try:
            async with asyncio.timeout(within_s):
                line = await self._reader.readline()
        except TimeoutError:
            return SILENT
        except (OSError, ValueError):
            return CLOSED
        match = STATUS_LINE.match(line)
        return match[1].decode() if match else CLOSED

    async def close(self) -> None:
        self._writer.transport.abort()  # what was not taken yet is of no interest
        with suppress(OSError):
            await self._writer.wait_closed()


async def open_many(
    target: Target, count: int, *, sources: Iterable[str] = (ATTACKER,)
) -> list[Wire]:
    """As many connections as the site accepts of `count`, from the sources in turn."""
    places = list(sources)
    opened = []
    for number in range(count):
        with suppress(OSError):
            opened.append(await Wire.to(target, source=places[number % len(places)]))
    return opened


async def hold(
    wires: list[Wire], *, hold_s: float, drip: bytes = b"", every_s: float = 5.0
) -> None:
    """Keep connections busy for a while: some bytes now and then, or nothing."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + hold_s
    while (left_s := end_s - loop.time()) > 0:
        await asyncio.sleep(min(DRIP_EVERY_S, left_s))
        if drip:
            await asyncio.gather(*(wire.send(drip, within_s=1.0) for wire in wires))


async def end(wires: list[Wire], outcome: Outcome) -> None:
    """Note how each connection stands, and close it."""
    outcome.statuses.update(await asyncio.gather(*(wire.status(within_s=0.5) for wire in wires)))
    for wire in wires:
        await wire.close()


class Caller:
    """The API with the attacker's key; each answer is counted in the outcome."""

    def __init__(self, target: Target, outcome: Outcome) -> None:
        self.target = target
        self.outcome = outcome
        self._http = httpx.AsyncClient(
            base_url=target.origin,
            headers={"Authorization": f"Bearer {target.key}", "Content-Type": "application/json"},
            transport=httpx.AsyncHTTPTransport(
                local_address=ATTACKER, limits=httpx.Limits(max_connections=None)
            ),
            timeout=PATIENCE_S,
        )

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> httpx.Response | None:
        """None: the connection was closed, or nothing came in two minutes."""
        try:
            response = await self._http.post(path, content=body, headers=headers)
        except httpx.HTTPError as error:
            is_silent = isinstance(error, httpx.TimeoutException)
            self.outcome.statuses[SILENT if is_silent else CLOSED] += 1
            return None
        self._note(response)
        return response

    async def get(self, path: str) -> Any:
        return (await self._http.get(path)).json()

    def _note(self, response: httpx.Response) -> None:
        self.outcome.statuses[str(response.status_code)] += 1
        limit = int(response.headers.get("x-ratelimit-limit-requests", 0))
        remaining = int(response.headers.get("x-ratelimit-remaining-requests", limit))
        self.outcome.rate_used = max(self.outcome.rate_used, limit - remaining)
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self.outcome.expect("retry-after" in response.headers, "a 429 without Retry-After")
