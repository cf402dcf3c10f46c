"""A body that is too large is refused before it fills the disk."""

import asyncio
from typing import Any

import pytest

from config.middleware.body_limit import BodyLimit


async def echo_length(scope: Any, receive: Any, send: Any) -> None:
    total, more = 0, True
    while more:
        message = await receive()
        total += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(total).encode()})


def ask(chunks: list[bytes], headers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []
    incoming = [
        {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(BodyLimit(echo_length, 10)({"type": "http", "headers": headers}, receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_a_body_within_the_limit_passes() -> None:
    assert ask([b"12345", b"67890"], []) == (200, b"10")


def test_a_stated_length_over_the_limit_is_refused_unread() -> None:
    status, body = ask([], [(b"content-length", b"11")])

    assert status == 413
    assert b"10 MB" in body


def test_a_chunked_body_over_the_limit_is_refused_while_it_arrives() -> None:
    assert ask([b"1234567890", b"1"], [])[0] == 413


@pytest.mark.parametrize("length", [b"-1", b"many", b""])
def test_a_nonsense_length_is_counted_instead(length: bytes) -> None:
    assert ask([b"12345678901"], [(b"content-length", length)])[0] == 413
