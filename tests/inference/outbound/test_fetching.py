"""Pictures from strangers' addresses: fetched from the open internet, and from nowhere else."""

import asyncio
import gzip
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core.files.storage import default_storage
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

import inference.outbound.client as outbound_client
from catalog.infrastructure import storage
from inference import tasks
from inference.images import MAX_BYTES
from inference.outbound import fetch_queue, fetcher, image_bundle
from inference.outbound.errors import FetchUnavailable, ImageUrlRefused, TooManyUrls
from inference.outbound.image_bundle import Bundle
from inference.outbound.ip_addresses import is_public
from tests.conftest import photo_bytes
from tests.fakes.buckets import Bucket
from tests.fakes.far_server import Answer, Canary, FarServer, canary, far_server, world
from tests.fakes.storage import FakeStorage
from tests.support.hostile_urls import HOSTILE, INSIDE, PUBLIC, PUBLIC_V6

PHOTO = photo_bytes()


@pytest.fixture(scope="module")
def _servers() -> Iterator[tuple[FarServer, Canary]]:
    with far_server() as far, canary() as bird:
        yield far, bird


@pytest.fixture
def far(_servers: tuple[FarServer, Canary]) -> FarServer:
    far = _servers[0]
    far.answers = {"/cat.jpg": Answer(body=PHOTO)}
    far.requests = []
    return far


@pytest.fixture
def bird(_servers: tuple[FarServer, Canary]) -> Canary:
    _servers[1].touched = 0
    return _servers[1]


Get = Callable[[str], bytes]


@pytest.fixture
def get(far: FarServer, bird: Canary) -> Get:
    return lambda url: asyncio.run(fetcher.fetch_image(url, client=world(far, bird)))


@pytest.mark.parametrize("host", ["good.example", "six.example", "both.example", "GOOD.example"])
def test_a_picture_of_the_open_internet_is_fetched(get: Get, bird: Canary, host: str) -> None:
    assert get(f"https://{host}/cat.jpg") == PHOTO
    assert bird.touched == 0


def test_the_corpus_is_large_and_without_repetition() -> None:
    assert len(HOSTILE) == len(set(HOSTILE)) > 120


def fetched(urls: list[str], far: FarServer, bird: Canary) -> list[str]:
    """Which of them gave a picture; any other error than the refusal is raised."""
    client, few_at_once = world(far, bird), asyncio.Semaphore(8)

    async def is_fetched(url: str) -> bool:
        async with few_at_once:
            try:
                return bool(await fetcher.fetch_image(url, client=client))
            except ImageUrlRefused:
                return False

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*map(is_fetched, urls))

    return [url for url, came in zip(urls, asyncio.run(all_of_them()), strict=True) if came]


def test_no_hostile_url_is_fetched_or_even_connected_to(far: FarServer, bird: Canary) -> None:
    assert fetched(HOSTILE, far, bird) == []
    assert bird.touched == 0
    assert far.requests == []


def test_no_redirect_leads_to_a_hostile_url(far: FarServer, bird: Canary) -> None:
    # What a header can carry; a relative one leads back to the far server, which is fine.
    absolute = [
        url
        for url in HOSTILE
        if "://" in url[:12] and url.isascii() and url.isprintable() and url == url.strip()
    ]
    for number, url in enumerate(absolute):
        far.redirect(f"/{number}", url)

    urls = [f"https://good.example/{number}" for number in range(len(absolute))]

    assert len(absolute) > 120
    assert fetched(urls, far, bird) == []
    assert bird.touched == 0
    assert len(far.requests) == len(absolute), "each redirect was seen, none was followed"


def test_the_canary_sings_when_the_rule_is_missing(far: FarServer, bird: Canary) -> None:
    open_world = world(far, bird, is_allowed=lambda _: True)

    with pytest.raises(ImageUrlRefused):
        asyncio.run(fetcher.fetch_image("https://localtest.example/cat.jpg", client=open_world))

    assert bird.touched == 1


@pytest.mark.parametrize("address", INSIDE)
def test_an_inside_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, PUBLIC_V6, "1.1.1.1", "2001:4860:4860::8888"])
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_a_name_is_resolved_once_and_the_checked_address_is_used(
    far: FarServer, bird: Canary
) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])

    async def rebind(host: str, port: int) -> list[str]:
        return next(answers)

    client = world(far, bird, resolve=rebind)

    assert asyncio.run(fetcher.fetch_image("https://good.example/cat.jpg", client=client)) == PHOTO
    assert bird.touched == 0


def test_each_hop_is_resolved_again_and_checked_again(far: FarServer, bird: Canary) -> None:
    far.redirect("/hop", "/cat.jpg")
    answers = iter([[PUBLIC], ["127.0.0.1"]])

    async def rebind(host: str, port: int) -> list[str]:
        return next(answers)

    client = world(far, bird, resolve=rebind)
    with pytest.raises(ImageUrlRefused):
        asyncio.run(fetcher.fetch_image("https://good.example/hop", client=client))

    assert bird.touched == 0


def test_another_address_of_the_name_is_tried_if_the_first_is_away(
    far: FarServer, bird: Canary
) -> None:
    good = world(far, bird)

    async def dial(address: str, port: int) -> Any:
        if address == PUBLIC_V6:
            raise OSError("no route")
        return await good.dial(address, port)

    client = world(far, bird, dial=dial)

    assert asyncio.run(fetcher.fetch_image("https://both.example/cat.jpg", client=client)) == PHOTO


def test_three_redirects_are_followed_and_a_fourth_is_not(get: Get, far: FarServer) -> None:
    for number, status in ((1, 301), (2, 307), (3, 308), (4, 303)):
        far.redirect(f"/{number}", f"/{number - 1}" if number > 1 else "/cat.jpg", status=status)

    assert get("https://good.example/3") == PHOTO
    with pytest.raises(ImageUrlRefused):
        get("https://good.example/4")


def test_a_redirect_without_an_address_is_refused(get: Get, far: FarServer) -> None:
    far.answers["/hop"] = Answer(status=302)

    with pytest.raises(ImageUrlRefused):
        get("https://good.example/hop")


def test_the_far_server_learns_nothing_of_us(get: Get, far: FarServer) -> None:
    far.answers["/hop"] = Answer(
        status=302, headers={"Location": "/cat.jpg", "Set-Cookie": "seen=1"}
    )
    get("https://good.example/hop")

    for request in far.requests:
        assert set(request.headers) == {
            "Host",
            "Connection",
            "User-Agent",
            "Accept",
            "Accept-Encoding",
        }
        assert request.headers["Host"] == "good.example"
        assert request.headers["Accept-Encoding"] == "identity"


def test_a_path_is_asked_for_as_it_was_written(get: Get, far: FarServer) -> None:
    far.answers["/a%2Fb/%C3%A9.jpg?x=1&y=%20"] = Answer(body=PHOTO)

    assert get("https://good.example/a%2Fb/é.jpg?x=1&y=%20#part") == PHOTO


def test_proxies_of_the_environment_are_not_used(
    get: Get, bird: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{bird.port}")

    assert get("https://good.example/cat.jpg") == PHOTO
    assert bird.touched == 0


def test_a_certificate_for_another_name_is_refused(far: FarServer, bird: Canary) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return [PUBLIC]

    client = world(far, bird, resolve=resolve)
    with pytest.raises(ImageUrlRefused):
        asyncio.run(fetcher.fetch_image("https://other.example/cat.jpg", client=client))

    assert far.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(far: FarServer, bird: Canary) -> None:
    client = world(far, bird, tls=outbound_client.OutboundClient().tls)

    with pytest.raises(ImageUrlRefused):
        asyncio.run(fetcher.fetch_image("https://good.example/cat.jpg", client=client))


@pytest.mark.parametrize("says_length", [True, False])
def test_ten_megabytes_are_taken_and_not_a_byte_more(
    get: Get, far: FarServer, says_length: bool
) -> None:
    far.answers["/full"] = Answer(body=b"x" * MAX_BYTES, says_length=says_length)
    far.answers["/over"] = Answer(body=b"x" * (MAX_BYTES + 1), says_length=says_length)

    assert len(get("https://good.example/full")) == MAX_BYTES
    with pytest.raises(ImageUrlRefused):
        get("https://good.example/over")


def test_nothing_is_unpacked(get: Get, far: FarServer) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    far.answers["/said"] = Answer(body=bomb, headers={"Content-Encoding": "gzip"})
    far.answers["/unsaid"] = Answer(body=bomb)

    with pytest.raises(ImageUrlRefused):
        get("https://good.example/said")
    assert get("https://good.example/unsaid") == bomb, "packed as it came: Pillow will refuse it"


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 403, 404, 500, 503])
def test_any_other_status_is_refused(get: Get, far: FarServer, status: int) -> None:
    body = b"" if status in {204, 304} else PHOTO
    far.answers["/"] = Answer(status=status, body=body)

    with pytest.raises(ImageUrlRefused):
        get("https://good.example/")


def test_an_empty_body_is_refused(get: Get, far: FarServer) -> None:
    far.answers["/empty"] = Answer()

    with pytest.raises(ImageUrlRefused):
        get("https://good.example/empty")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(hangs=True),
        Answer(body=PHOTO, pieces=len(PHOTO), pause_s=0.05),
        Answer(body=PHOTO[:100], says_length=False, pieces=100, pause_s=0.05),
    ],
    ids=["hangs", "drips", "drips without a length"],
)
def test_a_server_that_takes_its_time_is_left(
    get: Get, far: FarServer, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(fetcher, "TOTAL_S", 0.5)
    far.answers["/slow"] = answer

    with pytest.raises(ImageUrlRefused):
        get("https://good.example/slow")


def test_names_that_never_resolve_are_given_up(
    far: FarServer, bird: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return [PUBLIC]

    monkeypatch.setattr(outbound_client, "CONNECT_S", 0.2)

    client = world(far, bird, resolve=never)
    with pytest.raises(ImageUrlRefused):
        asyncio.run(fetcher.fetch_image("https://good.example/cat.jpg", client=client))


def test_all_refusals_look_alike_and_only_the_log_knows_why(
    get: Get, far: FarServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    refusals = set()
    for url in ("https://127.0.0.1/s3cret", "https://good.example/missing?token=s3cret", "x"):
        with pytest.raises(ImageUrlRefused) as refusal:
            get(url)
        refusals.add((str(refusal.value), refusal.value.code))
        assert refusal.value.__cause__ is None
        assert refusal.value.__context__ is None

    assert len(refusals) == 1
    assert "address is not public" in caplog.text
    assert "status 404" in caplog.text
    assert "s3cret" not in caplog.text


def test_plain_http_needs_a_setting(settings: Settings) -> None:
    assert fetcher.default_client().schemes == {"https"}

    settings.FETCH_HTTP = True

    assert fetcher.default_client().schemes == {"https", "http"}


@pytest.mark.parametrize(
    "bundle",
    [
        Bundle([]),
        Bundle([b""]),
        Bundle([b"cat", b"", b"dog" * 1000]),
        Bundle([], refused=0),
        Bundle([], refused=7),
    ],
)
def test_a_bundle_gives_back_what_was_put_in_and_nothing_by_halves(bundle: Bundle) -> None:
    content = image_bundle.pack(bundle)

    assert image_bundle.unpack(content) == bundle
    assert all(image_bundle.unpack(content[:end]) is None for end in range(len(content)))


# --- by a worker ------------------------------------------------------------------------------


@pytest.fixture
def queue(far: FarServer, bird: Canary, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The broker's part: each message is run at once, in a thread, as a worker would."""
    taken: list[list[str]] = []

    def send_task(name: str, *, args: list[Any], queue: str, **_: object) -> None:
        assert (name, queue) == (tasks.fetch_images.name, "fetch")
        taken.append(args[1])
        try:
            tasks.fetch_images(*args)
        finally:
            connections.close_all()  # as Celery does after each task

    monkeypatch.setattr(current_app, "send_task", send_task)
    monkeypatch.setattr(fetcher, "default_client", lambda: world(far, bird))
    return taken


def ask(urls: list[str], **options: Any) -> list[bytes]:
    return asyncio.run(fetch_queue.fetch(urls, **options))


def left_behind() -> list[str]:
    try:
        return default_storage.listdir(fetch_queue.FOLDER)[1]
    except FileNotFoundError:
        return []


@pytest.mark.django_db(transaction=True)
def test_a_worker_fetches_in_order_and_leaves_nothing(
    queue: list[list[str]], far: FarServer
) -> None:
    urls = []
    for number in range(20):
        far.answers[f"/{number}"] = Answer(body=b"%d" % number)
        urls.append(f"https://good.example/{number}")

    assert ask(urls) == [b"%d" % number for number in range(20)]
    assert [len(message) for message in sorted(queue, key=len)] == [4, 8, 8]
    assert left_behind() == []


@pytest.mark.django_db(transaction=True)
def test_images_come_through_a_bucket_as_well(queue: list[list[str]], bucket: Bucket) -> None:
    images = ask(["https://good.example/cat.jpg"] * 9)

    assert images == [PHOTO] * 9
    assert bucket.keys == set()


def test_bundles_that_nobody_took_leave_the_bucket(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.save({f"{fetch_queue.FOLDER}/{number}": b"x" for number in range(3)})
    fetch_queue.tidy()
    assert len(bucket.keys) == 3  # too young

    monkeypatch.setattr(fetch_queue, "ORPHAN_AFTER", -timedelta(hours=1))
    fetch_queue.tidy()

    assert bucket.keys == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("index", [0, 8])
def test_one_bad_url_refuses_the_request_and_is_known(queue: list[list[str]], index: int) -> None:
    urls = ["https://good.example/cat.jpg"] * 9
    urls[index] = "https://127.0.0.1/cat.jpg"

    with pytest.raises(ImageUrlRefused) as refusal:
        ask(urls)

    assert refusal.value.index == index
    assert left_behind() == []


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_longer_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)

    with pytest.raises(FetchUnavailable):
        ask(["https://good.example/cat.jpg"], deadline_s=0.3)


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(current_app, "send_task", away)

    with pytest.raises(FetchUnavailable):
        ask(["https://good.example/cat.jpg"])


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_cannot_store_them_is_no_fault_of_the_urls(
    queue: list[list[str]], fake_storage: FakeStorage
) -> None:
    fake_storage.breaks("save")

    with pytest.raises(FetchUnavailable):
        ask(["https://good.example/cat.jpg"], deadline_s=1.0)


@pytest.mark.django_db(transaction=True)
def test_what_nobody_waits_for_any_more_is_not_fetched(
    queue: list[list[str]], far: FarServer
) -> None:
    tasks.fetch_images(str(uuid.uuid4()), ["https://good.example/cat.jpg"])

    assert left_behind() == []


@pytest.mark.django_db(transaction=True)
def test_pictures_that_are_too_much_together_are_refused(
    queue: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_queue, "MAX_BYTES_TOGETHER", 2 * len(PHOTO))

    assert len(ask(["https://good.example/cat.jpg"] * 2)) == 2
    with pytest.raises(ImageUrlRefused):
        ask(["https://good.example/cat.jpg"] * 3)


def test_more_urls_than_fit_are_refused_with_a_sentence() -> None:
    with pytest.raises(TooManyUrls, match="At most 32"):
        ask(["https://good.example/cat.jpg"] * 33)


def test_no_urls_are_no_pictures() -> None:
    assert ask([]) == []


@pytest.mark.django_db(transaction=True)
def test_a_message_that_comes_twice_does_no_harm(far: FarServer, bird: Canary) -> None:
    key = uuid.uuid4()
    for _ in range(2):
        fetch_queue.serve(key, ["https://good.example/cat.jpg"], client=world(far, bird))

    assert left_behind() == [str(key)]


@pytest.mark.django_db(transaction=True)
def test_what_nobody_came_for_is_tidied_away(
    far: FarServer, bird: Canary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetch_queue.tidy()
    fetch_queue.serve(uuid.uuid4(), ["https://good.example/cat.jpg"], client=world(far, bird))
    fetch_queue.tidy()
    assert len(left_behind()) == 1

    later = timezone.now() + timedelta(minutes=11)
    monkeypatch.setattr(timezone, "now", lambda: later)
    fetch_queue.tidy()

    assert left_behind() == []
