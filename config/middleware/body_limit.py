"""A cap on the size of any request body, in front of Django."""

from collections.abc import Awaitable, Callable
from typing import Any

# The ASGI specification types messages as open dictionaries.
Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TOO_LARGE = b"That request is too large. Pictures may have up to 10 MB."


class BodyTooLarge(Exception):
    pass


class BodyLimit:
    """Refuse large bodies with 413 before they fill the disk.

    Django spools the whole body before any middleware runs, so the cap must stand in front of it.
    """

    def __init__(self, application: Application, max_bytes: int) -> None:
        self.application = application
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        if _stated_length(scope) > self.max_bytes:
            await _refuse(send)
            return
        try:
            await self.application(scope, self._counted(receive), send)
        except BodyTooLarge:
            await _refuse(send)

    def _counted(self, receive: Receive) -> Receive:
        # A chunked body states no length: count what arrives.
        received_bytes = 0

        async def counted() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self.max_bytes:
                raise BodyTooLarge
            return message

        return counted


def _stated_length(scope: Scope) -> int:
    stated = dict(scope["headers"]).get(b"content-length", b"0")
    return int(stated) if stated.isdigit() else 0


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": TOO_LARGE})
