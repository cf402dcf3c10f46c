"""Beat does what is due, by the database's clock; nothing that is away ends it."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery, current_app
from django.db import OperationalError
from django.db.models.functions import Now

from catalog.infrastructure import periodic
from catalog.infrastructure.beat import Scheduler
from catalog.models import PeriodicTask
from tests.support.site import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = timedelta(seconds=100)


def soon(holds: Callable[[], bool]) -> None:
    wait_for(holds, seconds=15)


class Calls:
    """A task's body: counts its runs, and raises what it is given to."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> None:
        self.count += 1
        self.gate.wait(10)
        if self.error:
            raise self.error


@pytest.fixture
def calls() -> Calls:
    return Calls()


Build = Callable[..., Scheduler]


@pytest.fixture
def build(calls: Calls) -> Iterator[Build]:
    """A scheduler of one entry that calls `calls`."""
    built: list[Scheduler] = []

    def build_one(name: str = "sweep", seconds: float = 100.0, **options: Any) -> Scheduler:
        app = Celery("test", set_as_current=False, broker="memory://")

        def run() -> None:
            calls()

        app.task(name="t", shared=False)(run)
        app.conf.beat_schedule = {
            name: {"task": "t", "schedule": seconds, "options": options.pop("options", {})}
        }
        built.append(Scheduler(app, **options))
        return built[-1]

    yield build_one
    for scheduler in built:
        scheduler.close()


def task(name: str = "sweep") -> PeriodicTask:
    return PeriodicTask.objects.get(pk=name)


def test_what_was_never_done_is_done_at_once_and_noted(build: Build, calls: Calls) -> None:
    build().tick()

    soon(lambda: PeriodicTask.objects.filter(last_done_at__isnull=False).exists())
    assert calls.count == 1
    assert task().interval == EVERY


def test_what_was_done_lately_waits(build: Build, calls: Calls) -> None:
    scheduler = build()
    [entry] = scheduler.entries.values()

    assert [scheduler.run_if_due(entry) for _ in range(3)] == [True, False, False]
    assert calls.count == 1


def test_of_two_beats_one_does_it(build: Build, calls: Calls) -> None:
    first, second = build(), build()
    entries = [*first.entries.values(), *second.entries.values()]

    assert first.run_if_due(entries[0])
    assert not second.run_if_due(entries[1])
    assert calls.count == 1


def test_a_database_clock_that_was_set_back_stops_nothing(build: Build, calls: Calls) -> None:
    PeriodicTask.objects.create(
        name="sweep", interval=EVERY, last_started_at=Now() + timedelta(hours=2)
    )
    scheduler = build()
    [entry] = scheduler.entries.values()

    assert scheduler.run_if_due(entry)
    assert calls.count == 1


def test_a_task_that_fails_is_logged_kept_and_tried_again(
    build: Build, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    calls.error = ValueError("no")
    scheduler = build(seconds=0.05)

    scheduler.tick()
    soon(lambda: "periodic task failed task=sweep" in caplog.text)
    assert task().last_error == "ValueError('no')"
    assert task().last_done_at is None

    calls.error = None
    soon(lambda: bool(scheduler.tick()) and calls.count > 1 and not task().last_error)
    assert task().last_done_at is not None


def test_a_database_that_is_away_is_one_line_and_not_asked_all_the_time(
    build: Build, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    calls.error = OperationalError("away")
    scheduler = build(seconds=0.01)

    scheduler.tick()
    soon(lambda: "task=sweep next_in=2.5s" in caplog.text)
    end_s = time.monotonic() + 0.5
    while time.monotonic() < end_s:
        scheduler.tick()
        time.sleep(0.05)

    assert calls.count == 1
    assert "Traceback" not in caplog.text


def test_one_task_that_takes_long_holds_up_no_other(build: Build, calls: Calls) -> None:
    calls.gate.clear()
    scheduler = build("slow")
    scheduler.app.conf.beat_schedule["quick"] = {"task": "t", "schedule": 100.0}
    both = Scheduler(scheduler.app)

    both.tick()
    soon(lambda: calls.count == 2)
    calls.gate.set()
    both.close()


@pytest.mark.parametrize("name", ["sweep", "orphans"])
def test_a_sweep_that_hangs_ends_the_process(build: Build, calls: Calls, name: str) -> None:
    ended = threading.Event()
    calls.gate.clear()
    scheduler = build(name, hung=ended.set, hung_after_s=0.2)
    scheduler.tick()
    soon(lambda: calls.count == 1)
    scheduler.tick()
    assert not ended.is_set()

    time.sleep(0.3)
    scheduler.tick()
    calls.gate.set()

    assert ended.is_set() is (name == "sweep")


def test_an_entry_with_a_queue_is_sent_there_and_drops_by_no_clock(
    build: Build, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, object]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: sent.append(options))
    scheduler = build(options={"queue": "webhooks"})
    [entry] = scheduler.entries.values()

    assert scheduler.run_if_due(entry)

    [options] = sent
    assert options["queue"] == "webhooks"
    assert options["headers"] == {periodic.HEADER: "sweep"}
    assert "expires" not in options
    assert calls.count == 0


def test_a_message_that_waited_behind_another_is_not_done_again() -> None:
    PeriodicTask.objects.claim("webhooks", EVERY)
    assert not PeriodicTask.objects.was_just_done("webhooks")

    PeriodicTask.objects.note_done("webhooks")

    assert PeriodicTask.objects.was_just_done("webhooks")


@pytest.mark.parametrize(("age_s", "is_late"), [(200, False), (215, True)])
def test_late_is_what_was_not_done_for_an_interval_and_a_half_and_a_minute(
    age_s: int, is_late: bool
) -> None:
    ago = Now() - timedelta(seconds=age_s)
    PeriodicTask.objects.create(name="sweep", interval=EVERY, last_done_at=ago)

    assert PeriodicTask.objects.late().exists() is is_late


def test_what_was_never_done_is_late_too() -> None:
    PeriodicTask.objects.create(
        name="sweep", interval=EVERY, created_at=Now() - timedelta(seconds=300)
    )

    assert PeriodicTask.objects.late().exists()
