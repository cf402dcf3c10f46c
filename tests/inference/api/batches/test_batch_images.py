"""Images that a batch names by URL: fetched by the fetch workers, few at a time."""

from collections.abc import Iterator

import pytest
from django.core.files.storage import default_storage

from catalog.infrastructure import storage
from catalog.infrastructure.retention import Budget
from inference.api.batches import advance
from inference.batches import fetching, files
from inference.models import BatchPart
from tests.conftest import photo_bytes
from tests.fakes.far_server import Answer, FarServer, canary, far_server, world
from tests.inference.api.batches.conftest import Json, Runner, line
from tests.inference.api.conftest import CREDIT, PRICE_IMAGE, Api, money


@pytest.fixture(scope="module")
def far() -> Iterator[FarServer]:
    with far_server() as far:
        far.answers = {"/cat.jpg": Answer(body=photo_bytes())}
        yield far


def picture(api: Api, custom_id: str, url: str) -> Json:
    return line(custom_id, {"model": api.card.repo, "input": [{"image": url}]})


def fetch_all(runner: Runner, far: FarServer) -> None:
    """What a fetch worker does with the messages that were sent."""
    with canary() as bird:
        for part in BatchPart.objects.waiting_for_images().exclude(fetch_asked_at=None):
            names = ["https://good.example/cat.jpg", "https://good.example/gone.jpg"]
            assert fetching.serve(part.pk, names, client=world(far, bird))


def test_urls_are_fetched_and_one_that_cannot_be_had_ends_its_line(
    api: Api, runner: Runner, far: FarServer
) -> None:
    batch = runner.start(
        [
            picture(api, "cat", "https://good.example/cat.jpg"),
            picture(api, "gone", "https://good.example/gone.jpg"),
            line("text", {"model": api.card.repo, "input": "a cat"}),
        ]
    )
    advance.advance(Budget(5))
    assert BatchPart.objects.begun().count() == 0
    fetch_all(runner, far)

    ended = runner.finish(batch.id)

    answers = [one["custom_id"] for one in runner.read(ended.output_file_id)]
    [error] = runner.read(ended.error_file_id)
    assert answers == ["cat", "text"]
    assert (error["custom_id"], error["response"]["status_code"]) == ("gone", 400)
    assert error["response"]["body"]["error"]["code"] == "image_fetch_failed"
    assert money(api.user)[0] < CREDIT - PRICE_IMAGE // 2
    assert default_storage.listdir("fetched")[1] == []


def test_what_was_fetched_and_is_gone_is_fetched_again(
    api: Api, runner: Runner, far: FarServer
) -> None:
    batch = runner.start(
        [
            picture(api, "cat", "https://good.example/cat.jpg"),
            picture(api, "gone", "https://good.example/gone.jpg"),
        ]
    )
    advance.advance(Budget(5))
    fetch_all(runner, far)
    storage.delete(storage.names_in("fetched"))

    advance.advance(Budget(5))
    advance.advance(Budget(5))
    fetch_all(runner, far)

    assert runner.finish(batch.id).status == "completed"


def test_one_part_of_an_account_is_fetched_at_a_time(api: Api, runner: Runner) -> None:
    urls = [f"https://good.example/{number}.jpg" for number in range(3 * files.URLS_PER_CHUNK)]
    runner.start([picture(api, url, url) for url in urls])

    advance.advance(Budget(5))

    assert BatchPart.objects.exclude(fetch_asked_at=None).count() == 1
    assert BatchPart.objects.count() == 3
