"""Calls that hold something of the site while they last: memory, threads, keys, connections."""

import asyncio
import json
from uuid import uuid4

from bench.abuse import far_hosts, pictures
from bench.abuse.attack import CLOSED, SILENT, Outcome, Target
from bench.abuse.attacks import wire
from bench.abuse.attacks.costly_inputs import EMBED
from bench.abuse.attacks.wire import Caller, Wire

BODY_BYTES = 16 * 1024 * 1024 - 1024
# Longer than a body may rest, shorter than it takes to be boring.
HOLD_S = 45.0
RETRIES = 20
CONFLICT = 409


async def large_bodies(target: Target) -> Outcome:
    outcome = Outcome()
    start = json.dumps({"model": target.model, "input": "a cat", "user": ""}).encode()[:-2]
    body = start + b"x" * (BODY_BYTES - len(start) - 2) + b'"}'
    async with Caller(target, outcome) as caller:
        calls = (caller.post(EMBED, body) for _ in range(target.count(100, 30)))
        await asyncio.gather(*calls)
    # 503 would be: one account took the memory of all.
    outcome.expect_only("200", "202", "402", "429", CLOSED)
    return outcome


async def half_bodies(target: Target) -> Outcome:
    outcome = Outcome()
    wires = await wire.open_many(target, target.count(100, 20))
    head = _head(target, BODY_BYTES)
    half = b"{" + b" " * (BODY_BYTES // 2)
    await asyncio.gather(*(connection.send(head + half, within_s=20) for connection in wires))
    await wire.hold(wires, hold_s=target.count(int(HOLD_S), 1), drip=b" ")
    await wire.end(wires, outcome)
    allowed = ["408", "429", CLOSED] + [SILENT] * target.is_short
    outcome.expect_only(*allowed)
    outcome.expect(outcome.statuses["429"] > 0 or not target.is_short, "took every body at once")
    return outcome


async def dripping_urls(target: Target) -> Outcome:
    """Each URL names a host of its own: a bound on a host alone would not hold."""
    outcome = Outcome()
    async with Caller(target, outcome) as caller:
        bodies = [
            [{"image": far_hosts.dripping_url(32 * call + number)} for number in range(32)]
            for call in range(target.count(8, 3))
        ]
        calls = (
            caller.post(EMBED, json.dumps({"model": target.model, "input": body}).encode())
            for body in bodies
        )
        await asyncio.gather(*calls)
    outcome.expect_only("400", "422", "429")
    return outcome


async def hang_up(target: Target) -> Outcome:
    """Give up on a call, and send it again with the same key, as clients do."""
    outcome = Outcome()
    image = {"image": pictures.data_url(pictures.small_photo(), "jpeg")}
    body = json.dumps({"model": target.model, "input": [image]}).encode()
    pauses_s = [0.0, 0.01, 0.05, 0.2, 0.5][: target.count(5, 3)]
    async with Caller(target, outcome) as caller:
        await asyncio.gather(*(_give_up(caller, body, pause_s) for pause_s in pauses_s))
    outcome.expect_only("200", "202", str(CONFLICT))
    return outcome


async def _give_up(caller: Caller, body: bytes, pause_s: float) -> None:
    key = str(uuid4())
    headers = f"Idempotency-Key: {key}\r\nPrefer: wait=60\r\n"
    connection = await Wire.to(caller.target)
    await connection.send(_head(caller.target, len(body), headers) + body)
    await asyncio.sleep(pause_s)
    await connection.close()
    for _ in range(RETRIES):
        response = await caller.post(EMBED, body, {"Idempotency-Key": key})
        if response is None or response.status_code != CONFLICT:
            return
        await asyncio.sleep(1.0)
    caller.outcome.broken.append("a key was still in use long after its caller had hung up")


def _head(target: Target, length: int, headers: str = "") -> bytes:
    lines = f"POST {EMBED} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {target.key}\r\n"
    lines += "Content-Type: application/json\r\n" + headers
    return f"{lines}Content-Length: {length}\r\n\r\n".encode()
