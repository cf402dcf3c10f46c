"""An API that is built for one call: it knows what a test has added."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx

from inference import notify
from inference.api import app
from inference.api.dialects import DIALECTS
from inference.api.dialects.dialect import Dialect

Story = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def call(
    story: Story, secret: str = "", *, dialects: Sequence[Dialect] = DIALECTS
) -> httpx.Response:
    """`call(lambda http: http.get("/v1/models"), secret)`"""

    async def run() -> httpx.Response:
        # An answer of 500 is an answer here, as it is behind a server.
        transport = httpx.ASGITransport(app=app.build(dialects), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://testserver", headers=headers
        ) as client:
            try:
                return await story(client)
            finally:
                notify.current_listener().close()

    return asyncio.run(run())
