"""Which photo fits: the form without scripts, its limits, and the page of the answer."""

import io
import re
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import Settings

from catalog.infrastructure import storage
from catalog.models import ModelCard
from inference.jobs import claims
from inference.models import Job, State, Worker
from inference.ranking.forms import MAX_CHARACTERS, SAMPLES
from inference.runtime.images import sheet
from inference.worker.texts.cache import TextCache
from tests.conftest import photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.support.batches import settle_all

ADDRESS = "/playground/rank/"
COLORS = [(200, 30, 30), (30, 160, 60), (40, 60, 200), (230, 200, 40), (90, 90, 90), (20, 20, 20)]


@pytest.fixture(autouse=True)
def served(card: ModelCard) -> ModelCard:
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo])
    return card


def plain(color: tuple[int, int, int], size: tuple[int, int] = (60, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def send(client: Client, pictures: Sequence[bytes] = (), **fields: Any) -> Any:
    files = [SimpleUploadedFile(f"{n}.png", content) for n, content in enumerate(pictures)]
    card = ModelCard.objects.get()
    return client.post(
        ADDRESS, {"query": "a red wall", "model": card.repo, "pictures": files} | fields
    )


def work() -> None:
    encoder = HashEncoder()
    [card] = ModelCard.objects.all()
    settle_all(TextCache(encoder), encoder, claims.claim(card, worker="w", budget=50))


def text_of(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def test_the_page_works_at_once_with_the_samples(client: Client) -> None:
    page = client.get(ADDRESS).content.decode()

    assert page.count('name="samples"') == page.count(" checked") == len(SAMPLES)
    response = send(client, samples=list(SAMPLES))
    work()
    assert response.status_code == 302
    shown = client.get(response["Location"])
    assert "closest: image" in text_of(shown)
    assert shown.content.decode().count("ranking__picture") == len(SAMPLES)


def test_photos_are_shown_in_their_order_each_from_its_own_cell(client: Client) -> None:
    address = send(client, [plain(color) for color in COLORS])["Location"]
    work()

    page = client.get(address).content.decode()

    job = Job.objects.get()
    assert job.result
    scores = job.result["scores"]
    best_first = sorted(range(len(COLORS)), key=lambda index: (-scores[index], index))
    cells = [
        tuple(map(int, cell.split()))
        for cell in re.findall(r'<svg width="60" height="40" viewBox="([\d ]+)"', page)
    ]
    assert cells == [(*sheet.cell_of(index), 60, 40) for index in best_first]
    picture = Image.open(io.BytesIO(client.get(f"{address}picture.jpg").content))
    assert picture.size == sheet.size_of(len(COLORS))
    for (left, top, width, height), index in zip(cells, best_first, strict=True):
        seen = picture.getpixel((left + width // 2, top + height // 2))
        assert seen == pytest.approx(COLORS[index], abs=6)


def test_the_sheet_goes_with_its_job(client: Client) -> None:
    address = send(client, [plain(color) for color in COLORS[:2]])["Location"]
    work()
    name = Job.objects.get().preview_file
    assert storage.read(name)

    client.post(f"{address}forget/")

    assert not Job.objects.exists()
    with pytest.raises(FileNotFoundError):
        storage.read(name)


def test_what_was_asked_is_shown_while_it_waits(client: Client) -> None:
    address = send(client, [plain(COLORS[0]), plain(COLORS[1], (50, 30))])["Location"]

    waiting = text_of(client.get(address))

    assert "a red wall" in waiting
    assert "image 2, 50×30 px" in waiting


def test_a_hostile_text_stays_a_text(client: Client) -> None:
    address = send(client, [plain(color) for color in COLORS[:2]], query="<script>1</script>")
    work()

    page = client.get(address["Location"]).content.decode()

    assert "<script>1</script>" not in page
    assert "&lt;script&gt;1&lt;/script&gt;" in page


WRONG: dict[str, tuple[list[bytes], dict[str, Any], str]] = {
    "no photo": ([], {}, "Please choose 2 to 20 photos"),
    "one photo": ([plain(COLORS[0])], {}, "Please choose 2 to 20 photos"),
    "twenty-one photos": ([plain(COLORS[0])] * 21, {}, "Please choose 2 to 20 photos"),
    "twenty photos and a sample": (
        [plain(COLORS[0])] * 20,
        {"samples": ["cat"]},
        "Please choose 2 to 20 photos",
    ),
    "a sample that is none": ([plain(COLORS[0])] * 2, {"samples": ["../../x"]}, "Select a valid"),
    "no text": ([plain(COLORS[0])] * 2, {"query": ""}, "Please say what you are looking for"),
    "an invisible text": ([plain(COLORS[0])] * 2, {"query": "\u200b"}, "must not be empty"),
    "a long text": (
        [plain(COLORS[0])] * 2,
        {"query": "x" * (MAX_CHARACTERS + 1)},
        "At most 500 characters",
    ),
    "a file that is no photo": ([plain(COLORS[0]), b"hello"], {}, "1.png: That file is not"),
    "an empty file": ([plain(COLORS[0]), b""], {}, "1.png: That file is not"),
    "a model that nobody serves": (
        [plain(COLORS[0])] * 2,
        {"model": "nobody/nothing"},
        "No worker serves that model",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_and_the_text_kept(client: Client, case: str) -> None:
    pictures, fields, message = WRONG[case]

    response = send(client, pictures, **fields)

    assert response.status_code == 400
    assert message in text_of(response)
    if "query" not in fields:
        assert 'value="a red wall"' in response.content.decode()
    assert not Job.objects.exists()


def test_each_photo_counts_against_the_visitors_limit(client: Client, settings: Settings) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_SESSION = 5

    assert send(client, [plain(COLORS[0])] * 3).status_code == 302
    refused = send(client, [plain(COLORS[0])] * 3)

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert Job.objects.count() == 1


def test_a_double_click_makes_one_job(client: Client) -> None:
    pictures = [plain(color) for color in COLORS[:2]]

    first, second = (send(client, pictures, idempotency_key="one") for _ in range(2))

    assert first["Location"] == second["Location"]
    assert Job.objects.count() == 1


def test_nobody_else_sees_the_photos(client: Client) -> None:
    address = send(client, [plain(color) for color in COLORS[:2]])["Location"]
    work()

    assert Client().get(address).status_code == 404
    assert Client().get(f"{address}picture.jpg").status_code == 404


def test_a_photo_that_cannot_be_decoded_fails_the_job(client: Client) -> None:
    address = send(client, [plain(COLORS[0]), photo_bytes()[:200]])["Location"]
    work()

    page = client.get(address)

    assert Job.objects.get().state == State.FAILED
    assert Job.objects.get().error_details == {"input": 2}
    assert "the files you sent are deleted" in text_of(page)


@pytest.mark.parametrize("verb", ["put", "patch", "delete"])
def test_other_verbs_are_refused(client: Client, verb: str) -> None:
    assert getattr(client, verb)(ADDRESS).status_code == 405


def test_without_a_worker_the_page_says_so(client: Client) -> None:
    Worker.objects.all().delete()

    assert "No worker is up right now" in text_of(client.get(ADDRESS))


def test_a_requested_model_is_chosen_or_missed(client: Client, card: ModelCard) -> None:
    assert (
        f'<option value="{card.repo}" selected'
        in client.get(ADDRESS, {"model": card.repo}).content.decode()
    )
    assert "No worker serves laion/x yet" in text_of(client.get(ADDRESS, {"model": "laion/x"}))
