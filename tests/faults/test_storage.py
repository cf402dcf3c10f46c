"""A worker that cannot read the images, and a bucket that is away: nobody's picture is at fault."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from pytest_django import Settings

from bench.abuse.stage import issue_key
from bench.faults import transitions
from bench.relay import Relay, relayed
from catalog.infrastructure.storage_probe import MARKER
from inference.models import Job, State, Worker
from tests.fakes.buckets import Bucket
from tests.faults.conftest import UNLIMITED, a_payer, the_only_card
from tests.faults.house import IS_LONG, House, call, only_long
from tests.support import site as sites
from tests.support.site import Site, wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]


@contextmanager
def gone(media: Path) -> Iterator[None]:
    """As a disk that is not mounted: the folder is there, and empty."""
    aside = media.with_name("media-aside")
    media.rename(aside)
    media.mkdir()
    try:
        yield
    finally:
        for left in sorted(media.rglob("*"), reverse=True):
            left.unlink() if left.is_file() else left.rmdir()
        media.rmdir()
        aside.rename(media)


@contextmanager
def unreadable(media: Path) -> Iterator[None]:
    """Each open of a file is an error, for root, too: what should be a folder is none."""
    pictures = media / "pictures"
    aside, marker, marker_aside = media / "aside", media / "probe", media / "probe-aside"
    pictures.rename(aside)
    marker.rename(marker_aside)
    pictures.touch()
    marker.touch()
    try:
        yield
    finally:
        pictures.unlink()
        marker.unlink()
        aside.rename(pictures)
        marker_aside.rename(marker)


@pytest.mark.parametrize("broken", [gone, unreadable])
def test_a_worker_that_cannot_see_the_images_fails_no_job(
    house: House, broken: Callable[[Path], AbstractContextManager[None]]
) -> None:
    house.submit()
    house.settles()
    media = house.site.log.parent / "media"
    wait_for((media / MARKER).exists)  # the house worker leaves it
    worker = house.worker()
    worker.suspend()
    jobs = [house.submit().pk for _ in range(20 if house.is_long else 4)]
    lines = len(house.site.printed().splitlines())

    with broken(media):
        worker.resume()
        # It withdraws: the site shows no worker for the model, and its log says why.
        wait_for(lambda: Worker.objects.alive().filter(pid=worker.pid, repos=[]).exists())
        assert not Job.objects.filter(state=State.FAILED).exists()
        assert any("image storage" in line for line in house.site.printed().splitlines()[lines:])
    began_s = time.monotonic()
    house.settles()

    house.check()
    ended = Job.objects.filter(pk__in=jobs)
    assert set(ended.values_list("state", "attempt")) == {(State.SUCCEEDED, 1)}
    assert house.worker().pid == worker.pid
    house.report(f"{len(jobs)} jobs done {time.monotonic() - began_s:.1f} s after")


@pytest.fixture
def store(bucket: Bucket) -> Iterator[Relay]:
    """The way to the bucket's store."""
    parts = urlsplit(bucket.endpoint)
    assert parts.hostname
    assert parts.port
    with relayed((parts.hostname, parts.port)) as relay:
        yield relay


@pytest.fixture
def bucket_house(
    broken_site: Site,
    transactional_db: None,
    tmp_path: Path,
    settings: Settings,
    bucket: Bucket,
    store: Relay,
    report: Callable[[str], None],
) -> Iterator[House]:
    """A site that keeps its images in a bucket."""
    data_dir = tmp_path / "site"
    (data_dir / "faults").mkdir(parents=True)
    broken_site.hush()  # the package's own site would do the work
    try:
        given = psutil.Process(broken_site.process.pid).environ()
        models = {name: given[name] for name in ("MODELS", "MODEL_DIR") if name in given}
        variables = (
            UNLIMITED
            | models
            | {
                "AWS_STORAGE_BUCKET_NAME": bucket.name,
                "AWS_S3_ENDPOINT_URL": f"http://127.0.0.1:{store.port}",
                "AWS_S3_REGION_NAME": "us-east-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            }
        )
        with sites.running(data_dir, **variables) as site, transitions.noted():
            card = the_only_card()
            house = House(site, card, a_payer("ada"), data_dir / "faults", IS_LONG, report)
            house.wait_for_worker()
            yield house
    finally:
        broken_site.wake()


@only_long("a site with another storage has to start")
def test_a_bucket_that_is_away_refuses_calls_and_fails_no_job(
    bucket_house: House, store: Relay
) -> None:
    house = bucket_house
    key = issue_key("grace@lab.example", "100")
    assert call(house, key).status_code == 202
    house.settles()
    worker = house.worker()
    worker.suspend()
    for _ in range(10):
        house.submit()

    store.freeze()
    worker.resume()
    before = Job.objects.count()
    answers = [call(house, key) for _ in range(3)]
    page = httpx.get(f"{house.site.address}/models/", timeout=60)
    wait_for(lambda: Worker.objects.alive().filter(pid=worker.pid, repos=[]).exists())
    store.thaw()
    house.settles()

    refusals = {(answer.status_code, "retry-after" in answer.headers) for answer in answers}
    assert refusals == {(503, True)}
    assert Job.objects.count() == before
    assert page.status_code == 200
    house.accepted[:] = Job.objects.values_list("pk", flat=True)
    house.check()
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
