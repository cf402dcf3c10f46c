"""A job can be followed to its end: each step once, in order, also by one who comes back."""

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from inference import jobs
from inference.api.resources import events
from inference.jobs import claims
from inference.models import Job, State
from tests.inference.api.conftest import Api, ended, eventually, make_caller, submit


def parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The events of a stream, as a browser would see them."""
    event: dict[str, Any] = {}
    for line in lines:
        if not line and "event" in event:
            yield event
            event = {}
        name, _, value = line.partition(": ")
        if name in {"id", "event"}:
            event[name] = value
        elif name == "data":
            event[name] = json.loads(value)


def follow(api: Api, job: Job, **headers: str) -> list[dict[str, Any]]:
    """All events until the stream ends."""
    raw_headers = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    with api.http.stream("GET", f"/v1/jobs/{job.pk}/events", headers=raw_headers) as answer:
        assert answer.status_code == 200
        return list(parsed(answer.iter_lines()))


def names_of(events_read: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events_read]


def test_a_job_is_followed_from_the_queue_to_its_end(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_S", 0.05)
    api.worker.pause()
    job = submit(api)
    events_read: list[dict[str, Any]] = []

    with api.http.stream("GET", f"/v1/jobs/{job.pk}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-request-id"]
        for event in parsed(answer.iter_lines()):
            events_read.append(event)
            if event["event"] == "queued":
                claims.claim(api.card, worker="w", budget=1)
            elif event["event"] == "running":
                jobs.cancel(job)

    assert names_of(events_read) == ["queued", "running", "canceled"]
    assert [int(event["id"]) for event in events_read] == [1, 2, 4]
    assert events_read[0]["data"]["queue_position"] == 0
    assert all(event["data"]["id"] == str(job.pk) for event in events_read)


def test_a_job_that_has_ended_has_one_event(api: Api) -> None:
    job = ended(api)

    [event] = follow(api, job)

    assert event["event"] == event["data"]["status"] == "succeeded"
    assert "result" not in event["data"]


def test_the_end_is_told_at_once_not_at_the_next_look(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_S", 60)
    api.worker.pause()
    job = submit(api)
    lines: list[str] = []

    with api.http.stream("GET", f"/v1/jobs/{job.pk}/events") as answer:
        for event in parsed(answer.iter_lines()):
            lines.append(event["event"])
            api.worker.resume()

    assert lines == ["queued", "succeeded"]


def test_who_comes_back_is_told_only_what_is_new(api: Api) -> None:
    api.worker.pause()
    job = submit(api)
    threading.Timer(0.3, api.worker.resume).start()

    events_read = follow(api, job, **{"Last-Event-ID": "1"})

    assert "queued" not in names_of(events_read)
    assert names_of(events_read)[-1] == "succeeded"


def test_who_has_seen_the_end_is_told_to_stop(api: Api) -> None:
    job = ended(api)
    [end] = follow(api, job)

    again = api.http.get(f"/v1/jobs/{job.pk}/events", headers={"Last-Event-ID": end["id"]})

    assert (again.status_code, again.content) == (204, b"")


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "²", "", "0"])
def test_an_id_that_is_none_of_ours_means_from_the_start(api: Api, last: str) -> None:
    job = ended(api)

    assert len(follow(api, job, **{"Last-Event-ID": last})) == 1


def test_a_place_in_the_queue_that_moves_is_told_under_the_same_id(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_S", 0.05)
    api.worker.pause()
    first, second = submit(api), submit(api)
    events_read: list[dict[str, Any]] = []

    with api.http.stream("GET", f"/v1/jobs/{second.pk}/events") as answer:
        for event in parsed(answer.iter_lines()):
            events_read.append(event)
            jobs.cancel(first if len(events_read) == 1 else second)

    assert [event["data"].get("queue_position") for event in events_read] == [1, 0, None]
    assert [event["id"] for event in events_read] == ["1", "1", "2"]


def test_silence_is_filled_with_comments(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_S", 0.02)
    monkeypatch.setattr(events, "KEEP_ALIVE_S", 0.05)
    api.worker.pause()
    job = submit(api)

    with api.http.stream("GET", f"/v1/jobs/{job.pk}/events") as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": still here"


def test_a_stream_ends_in_time_and_its_place_is_free_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_S", 0.02)
    monkeypatch.setattr(events, "LONGEST_S", 0.1)
    api.worker.pause()

    assert names_of(follow(api, submit(api))) == ["queued"]
    eventually(lambda: not events._open)


def test_a_job_that_is_deleted_ends_its_stream(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_S", 0.02)
    api.worker.pause()
    job = submit(api)

    with api.http.stream("GET", f"/v1/jobs/{job.pk}/events") as answer:
        events_read = []
        for event in parsed(answer.iter_lines()):
            events_read.append(event)
            Job.objects.filter(pk=job.pk).delete()

    assert names_of(events_read) == ["queued"]


def test_a_client_that_hangs_up_leaves_nothing_behind(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_AGAIN_S", 0.02)
    api.worker.pause()
    job = submit(api)

    with api.http.stream("GET", f"/v1/jobs/{job.pk}/events") as answer:
        stream = parsed(answer.iter_lines())  # once nobody holds it, it hangs up
        next(stream)
        assert events._open[api.user.pk] == 1

    eventually(lambda: not events._open)


def test_streams_of_one_account_are_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_STREAMS", 1)
    api.worker.pause()
    job = submit(api)

    with api.http.stream("GET", f"/v1/jobs/{job.pk}/events") as answer:
        stream = parsed(answer.iter_lines())  # once nobody holds it, it hangs up
        next(stream)
        refused = api.http.get(f"/v1/jobs/{job.pk}/events")

    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "too_many_streams"
    assert refused.headers["retry-after"] == "10"


def test_a_hundred_may_follow_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_STREAMS", 200)
    api.worker.pause()
    job = submit(api)

    async def one(client: httpx.AsyncClient) -> str:
        return (await client.get(f"/v1/jobs/{job.pk}/events")).text

    async def all_of_them() -> list[str]:
        async with api.async_client() as client:
            streams = [asyncio.create_task(one(client)) for _ in range(100)]
            await asyncio.sleep(0.5)
            api.worker.resume()
            return await asyncio.gather(*streams)

    texts = asyncio.run(all_of_them())

    assert all("event: succeeded" in text for text in texts)


def test_another_persons_job_does_not_exist(api: Api) -> None:
    job = ended(api)
    _, _, secret = make_caller("bob@lab.example")

    for key in (job.pk, uuid.uuid4(), "not-an-id"):
        answer = api.client(secret).get(f"/v1/jobs/{key}/events")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "job_not_found"


def test_a_stranger_is_refused(api: Api) -> None:
    answer = api.client().get(f"/v1/jobs/{uuid.uuid4()}/events")

    assert answer.status_code == 401


def test_another_verb_is_refused(api: Api) -> None:
    assert api.http.post(f"/v1/jobs/{uuid.uuid4()}/events").status_code == 405


@pytest.mark.parametrize(
    "way",
    [
        [(State.QUEUED, 0), (State.RUNNING, 1), (State.SUCCEEDED, 1)],
        [(State.QUEUED, 0), (State.CANCELLED, 0)],
        [(State.QUEUED, 0), (State.RUNNING, 1), (State.QUEUED, 1), (State.CANCELLED, 1)],
        [
            (State.QUEUED, 0),
            (State.RUNNING, 1),
            (State.QUEUED, 1),
            (State.RUNNING, 2),
            (State.QUEUED, 2),
            (State.RUNNING, 3),
            (State.FAILED, 3),
        ],
    ],
)
def test_ids_grow_whatever_way_a_job_takes(way: list[tuple[State, int]]) -> None:
    numbers = [events.number_of(Job(state=state, attempt=attempt)) for state, attempt in way]

    assert numbers == sorted(set(numbers))
