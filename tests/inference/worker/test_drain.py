"""A worker empties its model's queue, batch by batch, and leaves nothing half done."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from celery import current_app
from django.core.cache import cache
from django.db.models.functions import Now
from PIL import Image
from pytest_django import Settings

from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import claims, queue, wake
from inference.kinds.classify import request as classify
from inference.models import Job, State
from inference.runtime.encoder import Embeddings, Encoder
from inference.worker import batches, decode, leases, loop, process, served_models
from inference.worker.claimed import Steps
from inference.worker.leases import Held
from inference.worker.ready import Ready
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.conftest import photo_bytes
from tests.fakes.encoder import HashEncoder, poison_photo
from tests.support.rows import lease_of
from tests.support.site import wait_for

Submit = Callable[..., Job]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def server(card: ModelCard, encoder: HashEncoder) -> ServedModel:
    """A model that has shown to be fast."""
    return ServedModel(card, TextCache(encoder), images_per_s=1000.0)


def test_the_queue_is_emptied_in_full_batches(
    submit: Submit, server: ServedModel, encoder: HashEncoder, settings: Settings
) -> None:
    settings.BATCH_IMAGES = 4
    for _ in range(10):
        submit()

    assert loop.drain(server, worker="w") == 10

    assert sorted(encoder.batches, reverse=True) == [4, 4, 2]
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert leases.in_hand() == []


def test_nothing_queued_runs_nothing(server: ServedModel, encoder: HashEncoder) -> None:
    assert loop.drain(server, worker="w") == 0
    assert encoder.batches == []


def test_the_next_batch_is_made_ready_while_one_is_computed(
    submit: Submit,
    server: ServedModel,
    encoder: HashEncoder,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.BATCH_IMAGES = 1
    submit(), submit()
    second_is_ready = threading.Event()
    encode = encoder.encode_images

    def watched(of: Encoder, batch: Sequence[Job]) -> list[Ready]:
        ready = decode.make_ready(of, batch)
        if encoder.batches or computing.is_set():
            second_is_ready.set()
        return ready

    computing = threading.Event()

    def slow(images: Sequence[Image.Image]) -> Embeddings:
        computing.set()
        assert encoder.batches or second_is_ready.wait(10), "the next batch waited for this one"
        return encode(images)

    monkeypatch.setattr(encoder, "encode_images", slow)

    assert loop.drain(server, worker="w", steps=Steps(make_ready=watched)) == 2


def test_a_model_whose_turn_is_over_leaves_the_rest_and_rings(
    submit: Submit, server: ServedModel, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BATCH_IMAGES = 1
    monkeypatch.setattr(loop, "TIME_SLICE_S", -1.0)
    submit(), submit()
    wake.acknowledge(server.card)
    sent: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda *_, queue, **__: sent.append(queue))

    assert loop.drain(server, worker="w") == 1

    assert sent == [server.card.queue]
    assert Job.objects.queued().count() == 1


def test_a_batch_that_is_abandoned_is_queued_again_at_once(
    submit: Submit, server: ServedModel
) -> None:
    submit()

    def break_off(*_: object) -> Iterator[batches.Scored]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.drain(server, worker="w", steps=Steps(score=break_off))

    assert Job.objects.get().state == State.QUEUED
    assert leases.in_hand() == []


class LeavingEncoder(HashEncoder):
    """Its worker is asked to leave, or breaks, in the middle of the first forward pass."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        # Until the next batch has been claimed ahead.
        wait_for(lambda: Job.objects.queued().count() == 0)
        raise self.error


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt()])
def test_a_restart_is_no_attempt(
    submit: Submit, card: ModelCard, settings: Settings, error: BaseException
) -> None:
    settings.BATCH_IMAGES = 1
    submit(), submit()
    model = ServedModel(card, TextCache(LeavingEncoder(error)), images_per_s=1000.0)

    with pytest.raises(type(error)):
        loop.drain(model, worker="w")

    assert list(Job.objects.values_list("state", "attempt")) == [(State.QUEUED, 0)] * 2
    assert leases.in_hand() == []


def test_a_restart_gives_the_last_attempt_back(
    submit: Submit, card: ModelCard, settings: Settings
) -> None:
    submit()
    Job.objects.update(attempt=claims.MAX_ATTEMPTS - 1)
    model = ServedModel(card, TextCache(LeavingEncoder(SystemExit(0))), images_per_s=1000.0)

    with pytest.raises(SystemExit):
        loop.drain(model, worker="w")

    job = Job.objects.get()
    assert (job.state, job.attempt) == (State.QUEUED, claims.MAX_ATTEMPTS - 1)


def test_mates_of_a_bad_picture_have_their_results_while_it_is_still_looked_for(
    submit: Submit, server: ServedModel, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        submit()
    submit(data=poison_photo())
    encode = encoder.encode_images
    known: list[bool] = []

    def watched(images: Sequence[Image.Image]) -> Embeddings:
        if len(images) == 1:
            wait_for(lambda: Job.objects.filter(state=State.SUCCEEDED).count() == 4)
            known.append(True)
        return encode(images)

    monkeypatch.setattr(encoder, "encode_images", watched)

    assert loop.drain(server, worker="w") == 5

    assert known == [True]
    assert sorted(Job.objects.values_list("state", flat=True)) == [
        State.FAILED,
        *[State.SUCCEEDED] * 4,
    ]
    assert leases.in_hand() == []


def test_a_batch_that_breaks_off_keeps_what_was_found_of_it(
    submit: Submit, server: ServedModel
) -> None:
    found, left = submit(), submit()

    def break_off(memory: TextCache, batch: Sequence[Ready], size: int) -> Iterator[batches.Scored]:
        yield from batches.score(memory, batch[:1], size)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.drain(server, worker="w", steps=Steps(score=break_off))

    found.refresh_from_db()
    left.refresh_from_db()
    assert (found.state, left.state) == (State.SUCCEEDED, State.QUEUED)
    assert leases.in_hand() == []


def test_a_batch_that_is_not_written_takes_no_other_with_it(
    submit: Submit, server: ServedModel, settings: Settings
) -> None:
    """The next one is being computed when the writing of the first breaks."""
    settings.BATCH_IMAGES = 1
    first, second = submit(), submit()
    was_scored = threading.Event()

    def broken(scored: batches.Scored) -> None:
        if scored.done[0].job.pk == first.pk:
            assert was_scored.wait(10)
            raise OSError("the disk is full")
        batches.settle(scored)

    def watched(memory: TextCache, batch: Sequence[Ready], size: int) -> Iterator[batches.Scored]:
        for scored in batches.score(memory, batch, size):
            if scored.done[0].job.pk == second.pk:
                was_scored.set()
            yield scored

    with pytest.raises(OSError, match="full"):
        loop.drain(server, worker="w", steps=Steps(score=watched, settle=broken))

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (State.QUEUED, State.SUCCEEDED)
    assert leases.in_hand() == []


def test_the_heartbeat_sees_the_batch_in_hand(submit: Submit, server: ServedModel) -> None:
    submit()
    seen: list[object] = []

    def watched(*_: object) -> Iterator[batches.Scored]:
        seen.extend(leases.in_hand())
        yield from ()

    loop.drain(server, worker="w", steps=Steps(score=watched))

    assert isinstance(seen[0], leases.Held)


def test_a_slow_model_gets_small_batches(card: ModelCard, encoder: HashEncoder) -> None:
    slow = ServedModel(card, TextCache(encoder))
    first = slow.budget

    slow.note_speed(images=1, seconds=3.0)

    assert first == served_models.FIRST_BUDGET
    assert slow.budget == 1


def test_jobs_that_gather_send_one_message(
    submit: Submit, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr(current_app, "send_task", lambda *a, **k: sent.append(a))

    for _ in range(3):
        submit()
    wake.acknowledge(card)
    submit()

    assert len(sent) == 2


def test_a_bell_that_fails_leaves_the_job_to_the_sweep(
    submit: Submit, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("away")

    monkeypatch.setattr(current_app, "send_task", fail)

    submit()

    assert Job.objects.get().woken_at is None
    assert cache.get(f"wake:{card.queue}") is None


def test_a_flood_does_not_hold_back_somebody_elses_first(
    submit: Submit, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "TIME_PER_INPUT", timedelta(seconds=10))
    for _ in range(20):
        submit()
    late = submit(by=jobs.Requester(user_id=None, visitor=uuid.uuid4()))

    # In the order in which they are claimed: two that come within a few milliseconds may have the
    # same turn, and then the one that came first goes first.
    in_turn = list(Job.objects.queued().order_by("virtual_start", "created_at", "pk"))

    assert in_turn.index(late) == 1


# --- slices ---


@pytest.fixture
def slow_server(server: ServedModel, card: ModelCard, requester: jobs.Requester) -> ServedModel:
    """A picture takes it two seconds, it seems; a job of five waits for it."""
    server.images_per_s = 0.5
    pictures = [images.check(photo_bytes(side, 40)) for side in (40, 41, 42, 43, 44)]
    request = classify.job_request(card, pictures, labels=["a cat"], template="{}")
    jobs.submit(request, requester=requester)
    return server


def test_a_job_that_takes_long_is_computed_in_slices_that_show_progress(
    slow_server: ServedModel, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = encoder.encode_images
    progress: list[float] = []

    def watched(pictures: Sequence[Image.Image]) -> Embeddings:
        [held] = [held for held in leases.in_hand() if held.is_computed]
        progress.append(held.progress_s)
        return encode(pictures)

    monkeypatch.setattr(encoder, "encode_images", watched)

    loop.drain(slow_server, worker="w")

    assert encoder.batches == [1] * 5
    assert progress == sorted(set(progress))
    assert Job.objects.get().state == State.SUCCEEDED


def test_a_job_that_is_canceled_is_not_computed_to_its_end(
    slow_server: ServedModel, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = encoder.encode_images

    def canceled_meanwhile(pictures: Sequence[Image.Image]) -> Embeddings:
        jobs.cancel(Job.objects.get())
        process.renew(leases.in_hand())  # as the heartbeat does
        return encode(pictures)

    monkeypatch.setattr(encoder, "encode_images", canceled_meanwhile)

    loop.drain(slow_server, worker="w")

    assert encoder.batches == [1]
    assert Job.objects.get().state == State.CANCELLED
    assert leases.in_hand() == []


def test_a_step_beyond_its_time_limit_loses_its_lease(submit: Submit, card: ModelCard) -> None:
    submit(), submit()
    [quick] = claims.claim(card, worker="w", budget=1)
    [hung] = claims.claim(card, worker="w", budget=1)
    Job.objects.update(lease_until=Now())
    long_ago_s = time.monotonic() - claims.TIME_LIMIT.total_seconds()

    process.renew([Held(lease_of(quick), time.monotonic()), Held(lease_of(hung), long_ago_s)])

    in_time = Job.objects.filter(lease_until__gt=Now())
    assert [job.pk for job in in_time] == [quick.pk]
