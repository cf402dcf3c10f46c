"""400 for pages that are asked for without a Host header, or with two."""

import logging
from collections.abc import Collection
from http import HTTPStatus

from config.middleware.asgi import Application, Receive, Scope, Send, refuse

log = logging.getLogger(__name__)

SENTENCE = "It must name the site once, in a Host header."


class OneHost:
    """Django would take the address we listen on for a missing name, and join two with a comma.

    `but_for`: paths whose answer does not depend on it, such as probes in HTTP/1.0.
    """

    def __init__(self, application: Application, *, but_for: Collection[str] = ()) -> None:
        self.application = application
        self.but_for = but_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        count = sum(name == b"host" for name, _ in scope["headers"])
        if scope["type"] == "http" and count != 1 and scope["path"] not in self.but_for:
            log.info("refused hosts=%d client=%s", count, scope["client"])
            await refuse(send, HTTPStatus.BAD_REQUEST, SENTENCE)
            return
        await self.application(scope, receive, send)
