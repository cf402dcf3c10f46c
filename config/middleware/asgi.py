"""What our ASGI middleware shares: the types, and a refusal as a page."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from django.template.loader import render_to_string

from config.middleware.headers import POLICY

# The ASGI specification types messages as open dictionaries.
Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


async def refuse(send: Send, status: HTTPStatus, sentence: str) -> None:
    """Answer with a page, and close the connection: its body has not been read."""
    page = render_to_string("refused.html", {"status": status.value, "sentence": sentence})
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": page.encode()})
