"""An API that is built for one call: it knows what a test has added to a registry."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from inference import notify
from inference.api import app

Story = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def call(story: Story, secret: str = "") -> httpx.Response:
    """`call(lambda http: http.get("/v1/models"), secret)`"""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=app.build())
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://api.example", headers=headers
        ) as client:
            try:
                return await story(client)
            finally:
                notify.current_listener().close()

    return asyncio.run(run())
