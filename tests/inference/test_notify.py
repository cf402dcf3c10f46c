"""Whoever waits for a job is woken by its end, and by nothing else."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction

from catalog.models import ModelCard
from inference import jobs
from inference.models import Job
from inference.notify import Listener

Submit = Callable[..., Job]
LONG_S, SHORT_S = 20.0, 0.3

pytestmark = pytest.mark.django_db(transaction=True)


def run(
    story: Callable[[Listener], Awaitable[None]],
    connection_parameters: Mapping[str, str] | None = None,
) -> None:
    async def run_story() -> None:
        listener = Listener(connection_parameters)
        try:
            await story(listener)
        finally:
            listener.close()

    asyncio.run(run_story())


async def in_a_thread(call: Callable[[], object]) -> object:
    def with_own_connection() -> object:
        try:
            return call()
        finally:
            connections.close_all()

    return await sync_to_async(with_own_connection, thread_sensitive=False)()


def test_the_end_of_a_job_wakes_who_waits_for_it(submit: Submit) -> None:
    job, other = submit(), submit()

    async def story(listener: Listener) -> None:
        async with (
            listener.subscribe(job.pk) as subscription,
            listener.subscribe(other.pk) as other_subscription,
        ):
            await other_subscription.wait(SHORT_S)  # the news that the listener listens
            await subscription.wait(SHORT_S)
            await in_a_thread(lambda: jobs.cancel(job))
            assert await subscription.wait(LONG_S)
            assert not await other_subscription.wait(SHORT_S)
        assert len(listener) == 0

    run(story)


def test_an_end_that_is_rolled_back_wakes_nobody(submit: Submit) -> None:
    job = submit()

    def roll_back() -> None:
        with transaction.atomic():
            jobs.cancel(job)
            transaction.set_rollback(True)

    async def story(listener: Listener) -> None:
        async with listener.subscribe(job.pk) as subscription:
            await subscription.wait(SHORT_S)
            await in_a_thread(roll_back)
            assert not await subscription.wait(SHORT_S)

    run(story)


def test_a_thousand_may_wait_on_one_connection(submit: Submit) -> None:
    job = submit()

    async def wait_once(listener: Listener) -> bool:
        async with listener.subscribe(job.pk) as subscription:
            return await subscription.wait(LONG_S)

    async def story(listener: Listener) -> None:
        waiters = [asyncio.create_task(wait_once(listener)) for _ in range(1000)]
        await asyncio.sleep(SHORT_S)
        await in_a_thread(lambda: jobs.cancel(job))
        assert all(await asyncio.gather(*waiters))

    run(story)


def test_an_end_that_was_faster_than_who_asks_is_told(submit: Submit) -> None:
    job, other = submit(), submit()

    async def story(listener: Listener) -> None:
        await listener.start()
        since_s = time.monotonic()
        await in_a_thread(lambda: jobs.cancel(job))
        await asyncio.sleep(SHORT_S)
        async with listener.subscribe(job.pk, since_s=since_s) as subscription:
            assert await subscription.wait(LONG_S)
            assert not await subscription.wait(SHORT_S), "once"
        async with listener.subscribe(other.pk, since_s=since_s) as subscription:
            assert not await subscription.wait(SHORT_S)

    run(story)


def test_what_may_have_been_missed_is_news(submit: Submit) -> None:
    job = submit()

    async def story(listener: Listener) -> None:
        since_s = time.monotonic()
        await listener.start()
        async with listener.subscribe(job.pk, since_s=since_s) as subscription:
            assert await subscription.wait(LONG_S), "we did not listen yet"
        since_s = time.monotonic()
        await in_a_thread(break_listeners)
        await asyncio.sleep(SHORT_S)
        async with listener.subscribe(job.pk, since_s=since_s) as subscription:
            assert await subscription.wait(LONG_S), "nor any more"

    run(story)


def test_no_more_ends_are_remembered_than_may_be(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.notify.MAX_REMEMBERED", 2)
    first, *others = [submit() for _ in range(3)]

    async def story(listener: Listener) -> None:
        await listener.start()
        since_s = time.monotonic()
        for job in (first, *others):
            await in_a_thread(partial(jobs.cancel, job))
        await asyncio.sleep(SHORT_S)
        async with listener.subscribe(first.pk, since_s=since_s) as subscription:
            assert not await subscription.wait(SHORT_S)
        async with listener.subscribe(others[0].pk, since_s=since_s) as subscription:
            assert await subscription.wait(LONG_S)

    run(story)


def break_listeners() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )


def test_who_waits_survives_the_loss_of_the_connection(submit: Submit) -> None:
    job = submit()

    async def story(listener: Listener) -> None:
        async with listener.subscribe(job.pk) as subscription:
            await subscription.wait(SHORT_S)
            await in_a_thread(break_listeners)
            await in_a_thread(lambda: jobs.cancel(job))  # nobody hears it
            assert await subscription.wait(LONG_S)

    run(story)


def test_nobody_waits_for_ever_without_postgresql(card: ModelCard) -> None:
    async def story(listener: Listener) -> None:
        async with listener.subscribe(uuid.uuid4()) as subscription:
            assert not await subscription.wait(SHORT_S)

    run(story, {"host": "/nowhere"})
