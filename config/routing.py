"""Which application answers which address."""

from config.middleware.body_limit import Application, Receive, Scope, Send

API = ("/v1", "/hf-inference")


class Mounts:
    """The API stands before Django's middleware, which holds a thread for each waiting call."""

    def __init__(self, *, api: Application, pages: Application) -> None:
        self.api = api
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The API hears of the server's start and end; Django does not care for them.
        is_api = scope["type"] == "lifespan" or _is_api(scope["path"])
        await (self.api if is_api else self.pages)(scope, receive, send)


def _is_api(path: str) -> bool:
    return any(path == mount or path.startswith(f"{mount}/") for mount in API)
