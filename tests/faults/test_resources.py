"""F06, F15 to F18: no room for the broker, in memory or on a disk; and a disk that is fixed."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import httpx
import psutil
import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from PIL import Image
from redis import Redis

from bench.abuse.stage import issue_key
from inference.models import ErrorCode, Job, State
from tests.faults.house import House, call, engine, only_long
from tests.support.site import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]
IS_ROOT = os.geteuid() == 0


def pictures() -> list[str]:
    """Names of the files there are."""
    there = default_storage.exists("pictures")
    return default_storage.listdir("pictures")[1] if there else []


def test_f06_a_broker_without_memory_refuses_calls_and_delays_jobs(house: House) -> None:
    """The sweep's own messages have no room either: what was accepted runs when there is some."""
    if engine("valkey") is None:
        pytest.skip("the broker is not this test run's own")
    key = issue_key("grace@lab.example", "100")
    processes = {house.worker().pid, house.site.child("config.server").pid}
    with Redis.from_url(settings.REDIS_URL) as valkey:
        # Below what an empty one takes: it answers, and stores nothing.
        valkey.config_set("maxmemory", "1mb")
        try:
            statuses = {call(house, key).status_code for _ in range(20 if house.is_long else 4)}
            house.submit()  # as a form would whose limits were counted a moment ago
        finally:
            valkey.config_set("maxmemory", "0")
    house.submit()
    assert call(house, key).status_code == 202
    house.settles()

    assert statuses <= {202, 503}
    house.accepted[:] = Job.objects.values_list("pk", flat=True)
    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert {house.worker().pid, house.site.child("config.server").pid} == processes


def large_photo() -> bytes:
    """24 megapixels in a few kB."""
    buffer = BytesIO()
    Image.new("RGB", (6000, 4000)).save(buffer, "PNG")
    return buffer.getvalue()


def test_f15_pictures_for_which_there_is_no_memory_fail_and_the_worker_lives(house: House) -> None:
    worker = house.worker()
    house.submit()
    house.settles()
    decoders = [child for child in worker.children() if "images.child" in " ".join(child.cmdline())]
    assert decoders
    limits = {child.pid: child.rlimit(psutil.RLIMIT_AS) for child in decoders}
    for child in decoders:
        room = child.memory_info().vms + 20 * 1024 * 1024
        child.rlimit(psutil.RLIMIT_AS, (room, limits[child.pid][1]))
    picture = large_photo()
    starved = [house.submit(picture).pk for _ in range(50 if house.is_long else 2)]
    house.settles()
    for child in decoders:
        with suppress(psutil.NoSuchProcess):
            child.rlimit(psutil.RLIMIT_AS, limits[child.pid])
    fed = house.submit(picture)
    house.settles()

    house.check()
    ended = set(Job.objects.filter(pk__in=starved).values_list("state", "error_code"))
    assert ended == {(State.FAILED, ErrorCode.TOO_COSTLY)}
    fed.refresh_from_db()
    assert fed.state == State.SUCCEEDED
    assert worker.is_running()
    assert httpx.get(f"{house.site.address}/models/").status_code == 200


@contextmanager
def no_room_for_files(*processes: psutil.Process) -> Iterator[None]:
    """Each may write a part of a picture, and then gets an error."""
    limits = [process.rlimit(psutil.RLIMIT_FSIZE) for process in processes]
    try:
        for process, (_, hard) in zip(processes, limits, strict=True):
            process.rlimit(psutil.RLIMIT_FSIZE, (256, hard))
        yield
    finally:
        for process, limit in zip(processes, limits, strict=True):
            with suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, limit)


def refused_without_a_trace(house: House, key: str) -> None:
    """A call is answered 503 and leaves no half a file; the rest of the site works."""
    before, count = pictures(), Job.objects.count()
    answer = call(house, key)
    assert (answer.status_code, answer.headers["retry-after"] != "") == (503, True)
    assert pictures() == before
    assert Job.objects.count() == count
    assert httpx.get(f"{house.site.address}/models/").status_code == 200


def test_f16_a_full_disk_for_pictures_refuses_the_call_alone(house: House) -> None:
    key = issue_key("grace@lab.example", "100")
    worker = house.worker()
    worker.suspend()
    house.submit()
    web = house.site.child("config.server")
    with no_room_for_files(web, worker, house.site.child("celery", " beat")):
        refused_without_a_trace(house, key)
        worker.resume()
        house.settles()  # what was accepted before is done
    assert call(house, key).status_code == 202
    house.settles()

    house.accepted[:] = Job.objects.values_list("pk", flat=True)
    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert len(house.accepted) == 2


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Needs root, and a machine that lets it mount."""
    if not IS_ROOT:
        pytest.skip("only root mounts")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"this machine does not mount: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@only_long("it mounts a small disk, as root")
def test_f16_a_small_disk_that_is_full(house: House) -> None:
    """The real thing: ENOSPC."""
    key = issue_key("grace@lab.example", "100")
    folder = house.site.log.parent / "media" / "pictures"
    with mounted(folder, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
        ballast = folder / "ballast"
        with suppress(OSError):
            ballast.write_bytes(bytes(1024 * 1024))
        refused_without_a_trace(house, key)
        ballast.unlink()
        assert call(house, key).status_code == 202
        house.settles()
        house.accepted[:] = Job.objects.values_list("pk", flat=True)
        house.check()


@only_long("it mounts a small disk, as root")
def test_f17_a_database_whose_disk_is_full(house: House, tmp_path: Path) -> None:
    """The table of jobs lies on a small disk: 503 while that is full, and all of it heals."""
    postgres = engine("postgres")
    if postgres is None:
        pytest.skip("the database is not this test run's own")
    key = issue_key("grace@lab.example", "100")
    folder = Path(settings.DATA_DIR) / "small-disk"
    owner = postgres.uids().real
    with mounted(folder, "-t", "tmpfs", "-o", f"size=8m,mode=700,uid={owner}", "tmpfs"):
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            cursor.execute("ALTER TABLE inference_job SET TABLESPACE small")
        try:
            ballast = folder / "ballast"
            with suppress(OSError):
                ballast.write_bytes(bytes(16 * 1024 * 1024))
            statuses = [call(house, key).status_code for _ in range(200)]
            assert set(statuses) <= {202, 503}
            assert 503 in statuses
            assert httpx.get(f"{house.site.address}/models/").status_code == 200
            ballast.unlink()
            wait_for(lambda: call(house, key).status_code == 202)
            house.settles()
            house.accepted[:] = Job.objects.values_list("pk", flat=True)
            house.check()
            house.report(f"{statuses.count(503)} of {len(statuses)} calls answered 503")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE inference_job SET TABLESPACE pg_default")
                cursor.execute("DROP TABLESPACE small")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    if IS_ROOT:  # modes are nothing to root
        with mounted(folder, "--bind", str(folder)):
            subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
            yield
        return
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o700)


def test_f18_pictures_that_cannot_be_written_or_deleted(house: House) -> None:
    """Calls are refused; jobs that were accepted end, and their pictures go when they can."""
    key = issue_key("grace@lab.example", "100")
    worker = house.worker()
    worker.suspend()
    house.submit()
    with read_only(house.site.log.parent / "media" / "pictures"):
        worker.resume()
        refused_without_a_trace(house, key)
        house.settles()
        assert pictures()  # nobody could delete it
    house.submit()
    house.settles()

    house.check()  # the tidying finds what was left
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
