"""What the storage does not give is no fault of a picture: somebody else, or later."""

import logging
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from catalog.infrastructure import storage, storage_probe
from catalog.infrastructure.storage_probe import MARKER, Marker, Probe
from catalog.models import ModelCard
from inference import tasks
from inference.jobs import claims, sweep
from inference.models import ErrorCode, Job, State, Worker
from inference.runtime.images.decoders import Decoders
from inference.worker import decode, loop, process, served_models
from inference.worker.process import StorageWatch
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.fakes.encoder import HashEncoder
from tests.fakes.storage import FakeStorage

Submit = Callable[..., Job]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has just started, for the worker and for who submits."""
    decode.probe.__init__()  # type: ignore[misc]
    monkeypatch.setattr(storage_probe, "leave_marker", Marker().leave)
    yield
    decode.probe.__init__()  # type: ignore[misc]


@pytest.fixture
def server(card: ModelCard) -> ServedModel:
    return ServedModel(card, TextCache(HashEncoder()), images_per_s=1000.0)


def leases_end() -> None:
    Job.objects.running().update(lease_until=Now() - timedelta(seconds=1))
    sweep.sweep()


def states() -> set[tuple[str, int, int]]:
    return set(Job.objects.values_list("state", "attempt", "unread_count"))


def test_a_refused_read_costs_no_attempt_and_another_worker_does_it(
    submit: Submit, server: ServedModel, fake_storage: FakeStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """As with EACCES, EIO, or S3 away."""
    submit(), submit()
    fake_storage.breaks("open")

    assert loop.drain(server, worker="blind") == 0

    assert states() == {(State.RUNNING, 0, 1)}
    assert "open is broken" in caplog.text
    assert decode.probe.trouble
    assert loop.drain(server, worker="blind") == 0, "it claims nothing while it is blind"

    fake_storage.broken.clear()
    decode.probe.look()
    leases_end()
    loop.drain(server, worker="other")
    assert states() == {(State.SUCCEEDED, 1, 1)}


def test_a_folder_without_the_site_s_files_is_not_the_jobs_fault(
    submit: Submit, server: ServedModel, tmp_path: Path
) -> None:
    submit(), submit()
    media = tmp_path / "media"
    media.rename(tmp_path / "elsewhere")  # as a disk that is not mounted

    loop.drain(server, worker="blind")

    assert states() == {(State.RUNNING, 0, 1)}
    assert "mounted" in decode.probe.trouble
    (tmp_path / "elsewhere").rename(media)
    assert decode.probe.look()
    leases_end()
    loop.drain(server, worker="blind")
    assert states() == {(State.SUCCEEDED, 1, 1)}


def test_one_file_that_is_gone_holds_up_no_other_job(
    submit: Submit, server: ServedModel, caplog: pytest.LogCaptureFixture
) -> None:
    gone, fine = submit(), submit()
    storage.delete(gone.image_files)

    loop.drain(server, worker="w")

    gone.refresh_from_db()
    fine.refresh_from_db()
    assert (gone.state, gone.attempt, gone.unread_count) == (State.RUNNING, 0, 1)
    assert fine.state == State.SUCCEEDED
    assert not decode.probe.trouble
    assert f"image not read job={gone.pk}" in caplog.text


def test_a_file_that_stays_away_fails_the_job_by_our_fault_at_last(
    submit: Submit, server: ServedModel
) -> None:
    job = submit()
    storage.delete(job.image_files)

    for _ in range(claims.MAX_UNREAD):
        assert loop.drain(server, worker="w") == 0
        leases_end()
    loop.drain(server, worker="w")

    job.refresh_from_db()
    assert (job.state, job.error_code, job.attempt) == (State.FAILED, ErrorCode.INTERNAL, 1)


def test_it_waits_twice_as_long_each_time(submit: Submit, card: ModelCard) -> None:
    job = submit()
    waits = []
    for _ in range(3):
        token = uuid.uuid4()
        [claimed] = claims.claim(card, worker="w", budget=1, token=token)
        assert claims.postpone(token, [claimed]) == 1
        job.refresh_from_db()
        assert job.lease_until
        assert claimed.started_at
        waits.append((job.lease_until - claimed.started_at).total_seconds())
        leases_end()

    assert waits == pytest.approx([5, 10, 20], abs=3)


def test_a_worker_whose_decoders_do_not_come_up_blames_no_picture(
    submit: Submit, server: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    [claimed] = claims.claim(server.card, worker="w", budget=1)
    with monkeypatch.context() as patch, Decoders(1) as broken:
        patch.setattr(sys, "executable", "/bin/false")
        assert decode.make_ready(HashEncoder(), [claimed], using=broken) == []

    assert states() == {(State.RUNNING, 0, 1)}


def test_an_empty_file_is_no_damaged_picture(submit: Submit, server: ServedModel) -> None:
    job = submit()
    [name] = job.image_files
    Path(default_storage.path(name)).write_bytes(b"")

    loop.drain(server, worker="w")

    job.refresh_from_db()
    assert (job.state, job.error_code) == (State.RUNNING, "")


def test_a_job_canceled_meanwhile_says_nothing_of_the_storage(
    submit: Submit, card: ModelCard
) -> None:
    job = submit()
    claimed = claims.claim(card, worker="w", budget=1)
    storage.delete(job.image_files)
    Job.objects.update(state=State.CANCELLED, finished_at=Now(), lease_token=None, lease_until=None)

    assert decode.make_ready(HashEncoder(), claimed) == []

    assert Job.objects.get().unread_count == 0
    assert not decode.probe.trouble


def test_whoever_stores_images_leaves_the_marker_and_again_if_it_is_gone(
    submit: Submit, fake_storage: FakeStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    assert MARKER in fake_storage.names

    storage.delete([MARKER])
    monkeypatch.setattr(storage_probe, "leave_marker", Marker().leave)
    submit()

    assert MARKER in fake_storage.names


def test_the_house_leaves_the_marker_though_nobody_submits(
    fake_storage: FakeStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_probe, "leave_marker", Marker().leave)
    probe = Probe()
    probe.note_unread(FileNotFoundError(2, "No such file or directory"))
    assert probe.trouble

    tasks.mark_storage()

    assert probe.look()
    assert not probe.trouble


def test_a_site_that_has_stored_nothing_yet_is_no_trouble(fake_storage: FakeStorage) -> None:
    assert Probe().look()


def test_a_worker_in_trouble_serves_nothing_and_says_why(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch, fake_storage: FakeStorage
) -> None:
    monkeypatch.setitem(served_models._cards, card.repo, card)
    fake_storage.breaks("open")
    decode.probe.look()

    process.announce()

    worker = Worker.objects.get()
    assert worker.repos == []
    assert "open is broken" in worker.failures[card.repo]


def test_messages_are_left_to_others_while_images_cannot_be_read(
    fake_storage: FakeStorage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    done: list[str] = []
    probe = Probe()

    def note(verb: str) -> bool:
        done.append(verb)
        return len(done) > 1  # the first time there is no broker

    watch = StorageWatch(probe, pause=lambda: note("pause"), resume=lambda: note("resume"))
    watch.check()
    assert done == []

    fake_storage.breaks("open")
    probe.look()
    for _ in range(3):
        watch.check()
    assert done == ["pause", "pause"]

    fake_storage.broken.clear()
    for _ in range(2):
        watch.check()
    assert done == ["pause", "pause", "resume"]
    assert caplog.text.count("cannot be read reason") == 1
    assert "can be read again" in caplog.text
