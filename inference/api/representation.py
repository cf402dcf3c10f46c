"""How an answer is sent: without its body to HEAD, packed for who accepts gzip."""

import gzip
import re
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.api.threads import in_thread

MIN_PACKED = 1000  # what fits in one packet gains nothing
LEVEL = 3  # numbers as text come to less than half, in a third of the time of the default level
IN_THREAD = 100_000  # bytes: packing more takes the event loop longer than a thread's handover
_NO_GZIP = re.compile(r"(?:gzip|\*)\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")


async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Call the app as any GET or POST, and send what the client can take of its answer."""
    if scope["method"] == "HEAD":
        await _answer_head(app, scope, receive, send)
    elif _accepts_gzip(Headers(scope=scope)):
        await app(scope, receive, _Packing(send).send)
    else:
        await app(scope, receive, send)


def _accepts_gzip(headers: Headers) -> bool:
    accepted = ",".join(headers.getlist("accept-encoding")).lower()
    return "gzip" in accepted and not _NO_GZIP.search(accepted)


async def _answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    is_done = False

    async def receive_or_leave() -> Message:
        # A stream is left as soon as its headers are known.
        return {"type": "http.disconnect"} if is_done else await receive()

    async def send_headers(message: Message) -> None:
        nonlocal is_done
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})
            is_done = True

    await app({**scope, "method": "GET"}, receive_or_leave, send_headers)


class _Packing:
    """Packs a body that is sent whole, and leaves streams as they are."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        start, self._start = self._start, None
        body = message.get("body", b"")
        if not message.get("more_body") and len(body) >= MIN_PACKED:
            body = await _packed(body)
            start["headers"] = _headers_of_packed(start["headers"], len(body))
            message = {**message, "body": body}
        await self._send(start)
        await self._send(message)


async def _packed(body: bytes) -> bytes:
    if len(body) < IN_THREAD:
        return gzip.compress(body, LEVEL, mtime=0)
    return await in_thread(gzip.compress, body, LEVEL, mtime=0)


def _headers_of_packed(raw: Sequence[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    headers = MutableHeaders(raw=list(raw))
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(size)
    headers.add_vary_header("accept-encoding")
    return headers.raw
