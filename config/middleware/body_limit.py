"""How large a body may be, and how slowly it may come, in front of Django and of the API."""

import asyncio
from http import HTTPStatus

from catalog.http import BodyTooSlow
from config.middleware.asgi import Application, Message, Receive, Scope, Send, refuse

TOO_LARGE = "It is too large. A photo may have up to 10 MB."
TOO_SLOW = "It came too slowly, and was given up. Please send it again, or send a smaller photo."


class BodyTooLarge(Exception):
    pass


class BodyPace:
    """Raises BodyTooSlow to a reader who waits for a body that does not get on.

    In each `window_s` seconds of waiting, `min_bytes_per_s` must come on average. So an honest
    slow line may take as long as it needs, and one that drips, or has stopped, is given up. While
    nobody reads, no time counts.
    """

    def __init__(
        self, application: Application, *, min_bytes_per_s: int, window_s: float = 20.0
    ) -> None:
        self.application = application
        self.window_s = window_s
        self.window_bytes = min_bytes_per_s * window_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        await self.application(scope, self._paced(receive) if is_http else receive, send)

    def _paced(self, receive: Receive) -> Receive:
        waited_s, received_bytes, is_complete = 0.0, 0, False
        clock = asyncio.get_running_loop().time

        async def paced() -> Message:
            nonlocal waited_s, received_bytes, is_complete
            if is_complete:  # from here on it is the client's leaving that is waited for
                return await receive()
            began_s = clock()
            try:
                async with asyncio.timeout(self.window_s - waited_s):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow from None
            waited_s += clock() - began_s
            received_bytes += len(message.get("body", b""))
            is_complete = not message.get("more_body", False)
            if received_bytes >= self.window_bytes:
                waited_s, received_bytes = 0.0, 0
            return message

        return paced


class BodyLimit:
    """Refuse large bodies with 413 before they fill the disk, and slow ones with 408.

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
            await refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
            return
        try:
            await self.application(scope, self._counted(receive), send)
        except BodyTooLarge:
            await refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
        except BodyTooSlow:
            await refuse(send, HTTPStatus.REQUEST_TIMEOUT, TOO_SLOW)

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
