"""One request to an ASGI application, without a server between."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from config.middleware.asgi import Application, Message

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


def ask(
    application: Application,
    method: str,
    path: str,
    headers: Headers = (),
    *,
    body: Sequence[bytes] = (),
    peer: tuple[str, int] | None = ("192.0.2.7", 4711),
) -> tuple[int, bytes]:
    """Status and body of the answer; after the parts of `body` nothing comes any more."""
    sent: list[Message] = []
    parts = list(body)
    has_body = bool(parts)

    async def receive() -> Message:
        if parts or not has_body:
            part = parts.pop(0) if parts else b""
            return {"type": "http.request", "body": part, "more_body": has_body}
        await asyncio.Event().wait()
        raise AssertionError("nothing comes")

    async def send(message: Message) -> None:
        sent.append(message)

    named = headers.items() if isinstance(headers, Mapping) else headers
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "client": peer,
        "server": ("127.0.0.1", 80),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in named],
    }

    async def run() -> None:
        await application(scope, receive, send)

    asyncio.run(run())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
