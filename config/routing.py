"""Which application answers which address."""

from collections.abc import Sequence

from config.middleware.asgi import Application, Receive, Scope, Send


def is_under(path: str, prefixes: Sequence[str]) -> bool:
    """Whether an address is one of the prefixes, or lies below one."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


class Mounts:
    """The API stands before Django's middleware, which holds a thread for each waiting call."""

    def __init__(
        self, *, api: Application, api_prefixes: Sequence[str], pages: Application
    ) -> None:
        self.api = api
        self.api_prefixes = api_prefixes
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The API hears of the server's start and end; Django does not care for them.
        is_api = scope["type"] == "lifespan" or is_under(scope["path"], self.api_prefixes)
        await (self.api if is_api else self.pages)(scope, receive, send)
