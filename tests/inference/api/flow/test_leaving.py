"""A web process that is asked to stop answers the calls that wait for jobs, while it still can."""

import asyncio

import httpx

from inference import notify
from inference.api import app
from inference.api.resources import events
from inference.api.threads import in_thread
from inference.models import Job, State
from tests.inference.api.conftest import CREDIT, Api, money

PATH = "/v1/embeddings"


def answer_of_who_is_left(api: Api, **headers: str) -> httpx.Response:
    """A call waits for a job that nobody runs, and the process leaves."""

    async def story() -> httpx.Response:
        transport = httpx.ASGITransport(app=app.build())
        authorized = {"Authorization": f"Bearer {api.secret}", **headers}
        async with httpx.AsyncClient(transport=transport, base_url=api.base_url) as client:
            body = {"model": api.card.repo, "input": "a cat"}
            call = asyncio.create_task(client.post(PATH, json=body, headers=authorized))
            while not await in_thread(Job.objects.exists):
                await asyncio.sleep(0.05)
            notify.current_listener().leave()
            answer = await asyncio.wait_for(call, 30)
        notify.current_listener().close()
        return answer

    api.worker.pause()
    return asyncio.run(story())


def test_who_cannot_take_a_202_may_send_the_call_again(api: Api) -> None:
    answer = answer_of_who_is_left(api)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "restarting"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers.get("x-should-retry", "true") == "true"
    assert Job.objects.get().state == State.CANCELLED
    assert money(api.user) == (CREDIT, 0)


def test_who_takes_a_202_keeps_the_job(api: Api) -> None:
    answer = answer_of_who_is_left(api, Prefer="respond-async, wait=60")

    assert answer.status_code == 202
    assert answer.json()["id"] == str(Job.objects.get().pk)
    assert Job.objects.get().state == State.QUEUED


def test_a_stream_of_events_ends(api: Api) -> None:
    """Browsers come back to another process, with Last-Event-ID."""
    api.worker.pause()
    with api.http as client:
        body = {"model": api.card.repo, "input": "a cat"}
        client.post(PATH, json=body, headers={"Prefer": "respond-async"})
    job = Job.objects.get()

    async def story() -> list[str]:
        lines = []
        async for line in events.follow(api.user.pk, str(job.pk)):
            lines.append(line)
            notify.current_listener().leave()
        notify.current_listener().close()
        return lines

    lines = asyncio.run(asyncio.wait_for(story(), 30))

    assert any("event:" in line for line in lines)
    assert Job.objects.get().state == State.QUEUED
