"""What needs no key: connections, headers, addresses and hosts."""

import asyncio
import resource
from collections.abc import Sequence

from bench.abuse.attack import CLOSED, SILENT, Outcome, Target
from bench.abuse.attacks import wire
from bench.abuse.attacks.wire import ATTACKER, Wire

HEADER_BYTES = 60 * 1024 * 1024
# Longer than a head, a body or an idle connection may rest.
HOLD_S = 45
FORM = "/accounts/login/"
OPEN_FILES = 4096


async def large_headers(target: Target) -> Outcome:
    outcome = Outcome()
    size = target.count(HEADER_BYTES, HEADER_BYTES // 6)
    one_line = b"X-Long: " + b"x" * size
    many_lines = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(size // 1000))
    for headers in (one_line, many_lines):
        connection = await Wire.to(target)
        await connection.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers)
        await connection.send(b"\r\n\r\n")
        outcome.statuses[await connection.status(within_s=30)] += 1
        await connection.close()
    outcome.expect_only("400", "431", CLOSED)
    return outcome


async def slow_headers(target: Target) -> Outcome:
    start = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return await _held(target, target.count(100, 20), start=start, drip=b"X-More: x\r\n")


async def slow_bodies(target: Target) -> Outcome:
    head = f"POST {FORM} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\nlogin="
    return await _held(target, target.count(100, 20), start=head.encode(), drip=b"x")


async def idle_connections(target: Target) -> Outcome:
    """From several addresses, so that no limit of one address helps."""
    sources = [f"127.66.{number}.1" for number in range(8)]
    return await _held(target, target.count(500, 50), sources=sources)


async def _held(
    target: Target,
    count: int,
    *,
    start: bytes = b"",
    drip: bytes = b"",
    sources: Sequence[str] = (ATTACKER,),
) -> Outcome:
    """Open connections, never finish a request, and see which the site still keeps."""
    outcome = Outcome()
    _allow_open_files()
    wires = await wire.open_many(target, count, sources=sources)
    await asyncio.gather(*(connection.send(start) for connection in wires))
    await wire.hold(wires, hold_s=target.count(HOLD_S, 1), drip=drip)
    await wire.end(wires, outcome)
    if target.is_short:
        outcome.expect_only("408", "503", CLOSED, SILENT)
    else:
        outcome.expect(not outcome.statuses[SILENT], f"still open after {HOLD_S} s")
    return outcome


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))


async def parameters(target: Target) -> Outcome:
    outcome = Outcome()
    pages = ("/models/", "/", "/v1/models")
    for count in (2_000, 20_000):
        queries = [f"{page}?" + "a&" * count for page in pages for _ in range(target.count(10, 2))]
        outcome.statuses.update(await _get_all(target, queries))
    form = "&".join(f"a{number}=" for number in range(5_000)).encode()
    outcome.statuses.update([await _post_form(target, form)])
    outcome.expect_only("200", "302", "400", "403", "404", "413", "414", "431", "401", CLOSED)
    return outcome


async def _get_all(target: Target, addresses: Sequence[str]) -> list[str]:
    requests = [f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" for address in addresses]
    return list(await asyncio.gather(*(_ask(target, request.encode()) for request in requests)))


async def _post_form(target: Target, form: bytes) -> str:
    head = f"POST {FORM} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(form)}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    return await _ask(target, head.encode() + form)


async def wrong_hosts(target: Target) -> Outcome:
    outcome = Outcome()
    two = b"Host: 127.0.0.1\r\nHost: evil.example\r\n"
    hosts = (b"", two, b"Host: evil.example\r\n", b"Host: \r\n", b"Host: a@127.0.0.1\r\n")
    versions = (b"1.1", b"1.0")
    requests = [
        b"GET %s HTTP/%s\r\n%s\r\n" % (path, version, host)
        for path in (b"/", b"/v1/models", b"/models/")  # probes answer under any name
        for version in versions
        for host in hosts
    ]
    answers = await asyncio.gather(*(_ask(target, request) for request in requests))
    outcome.statuses.update(answers)
    outcome.expect_only("400", CLOSED)
    return outcome


async def _ask(target: Target, request: bytes) -> str:
    connection = await Wire.to(target)
    await connection.send(request)
    status = await connection.status()
    await connection.close()
    return status
