"""The page of a job: every state, every kind, any number of inputs, and nobody but its owner."""

import html
import itertools
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import ModelCard
from inference import images, jobs, kinds
from inference.images import ImageFile
from inference.jobs import claims
from inference.kinds.classify import request as classify
from inference.kinds.embed import request as embed
from inference.kinds.rank import request as rank
from inference.models import ErrorCode, Job, State
from inference.worker import settlement
from inference.worker.texts.cache import TextCache
from tests.conftest import photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.support.batches import settle_all

SHOWN = 50
TEXTS = [f"text number {index}" for index in range(256)]
LABELS = [f"label number {index}" for index in range(1000)]


def image(side: int = 64) -> ImageFile:
    return images.check(photo_bytes(side, 48))


def embed_request(*inputs: ImageFile | str) -> Callable[[ModelCard], jobs.Request]:
    return lambda card: embed.job_request(card, inputs)


def classify_request(
    *inputs: ImageFile, labels: list[str] = LABELS[:2], keeps_preview: bool = False
) -> Callable[[ModelCard], jobs.Request]:
    return lambda card: classify.job_request(
        card, inputs, labels=labels, template="a {} there", keeps_preview=keeps_preview
    )


def rank_request(
    query: ImageFile | str, *documents: ImageFile | str, keeps_preview: bool = False
) -> Callable[[ModelCard], jobs.Request]:
    return lambda card: rank.job_request(card, query, documents, keeps_preview=keeps_preview)


@dataclass(frozen=True)
class Case:
    """What was asked, what the page must repeat of it, and its headline in the end."""

    kind: str
    request: Callable[[ModelCard], jobs.Request]
    request_shown: list[str]
    headline: str


CASES = {
    "embed one text": Case("embed", embed_request("a <b>cat</b>"), ["a <b>cat</b>"], "1 vector of"),
    "embed one image": Case("embed", embed_request(image()), ["64×48 px"], "1 vector of"),
    "embed three mixed": Case(
        "embed",
        embed_request("a cat", image(80), "a dog"),
        ["a cat", "80×48 px", "a dog"],
        "3 vectors of 8 numbers",
    ),
    "embed 256 texts": Case(
        "embed", embed_request(*TEXTS), [*TEXTS[:SHOWN], "first 50 of 256"], "256 vectors of"
    ),
    "classify one with a preview": Case(
        "classify",
        classify_request(image(), keeps_preview=True),
        LABELS[:2],
        "closest label: label number",
    ),
    "classify one": Case(
        "classify",
        classify_request(image()),
        [*LABELS[:2], "a {} there"],
        "closest label: label number",
    ),
    "classify three": Case(
        "classify",
        classify_request(image(64), image(70), image(80)),
        [*LABELS[:2], "64×48 px", "70×48 px", "80×48 px"],
        "3 images scored",
    ),
    "classify with one label": Case(
        "classify",
        classify_request(image(), labels=["<i>cat</i>"]),
        ["<i>cat</i>"],
        "closest label: <i>cat</i>",
    ),
    "classify with 1,000 labels": Case(
        "classify",
        classify_request(image(), labels=LABELS),
        ["the first 50 of 1000"],
        "closest label: label number",
    ),
    "rank images by a text": Case(
        "rank",
        rank_request("a <b>cat</b>", image(70), image(80)),
        ["a <b>cat</b>", "image 1, 70×48 px", "image 2, 80×48 px"],
        "closest: image ",
    ),
    "rank images with a sheet": Case(
        "rank",
        rank_request("a cat", image(70), image(80), keeps_preview=True),
        ["a cat"],
        "closest: image ",
    ),
    "rank one image, with a preview": Case(
        "rank", rank_request("a cat", image(70), keeps_preview=True), [], "closest: image 1"
    ),
    "rank texts by an image": Case(
        "rank",
        rank_request(image(70), "a <i>dog</i>", "a cat"),
        ["image, 70×48 px", "a <i>dog</i>", "a cat"],
        "closest: a ",
    ),
    "rank 256 texts": Case(
        "rank", rank_request("a query", *TEXTS), ["a query"], "closest: text number"
    ),
}


def queue(job: Job) -> None:
    """It waits."""


def run(job: Job) -> None:
    claims.claim(job.card, worker="w", budget=1)


def succeed(job: Job) -> None:
    encoder = HashEncoder()
    settle_all(TextCache(encoder), encoder, claims.claim(job.card, worker="w", budget=1))


def fail(code: ErrorCode) -> Callable[[Job], None]:
    def fail_job(job: Job) -> None:
        [claimed] = claims.claim(job.card, worker="w", budget=1)
        assert settlement.fail(claimed, code)

    return fail_job


def cancel(job: Job) -> None:
    assert jobs.cancel(job)


@dataclass(frozen=True)
class Ending:
    """How a job gets to its state, and what the page says then; "" is the case's own headline."""

    reach: Callable[[Job], None]
    state: State
    headline: str


ENDINGS = {
    "queued": Ending(queue, State.QUEUED, "waiting: you are next"),
    "running": Ending(run, State.RUNNING, ""),
    "succeeded": Ending(succeed, State.SUCCEEDED, ""),
    "canceled": Ending(cancel, State.CANCELLED, "canceled"),
    **{
        f"failed, {code}": Ending(fail(code), State.FAILED, "this did not work")
        for code in ErrorCode
    },
}


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


@pytest.fixture
def by_ada(ada: User, client: Client) -> Client:
    client.force_login(ada)
    return client


def submit(case: Case, card: ModelCard, owner: User) -> Job:
    return jobs.submit(case.request(card), requester=jobs.Requester(owner.pk, None))


def words_of(markup: str) -> str:
    """What a person reads: without tags, in single spaces."""
    without_scripts = re.sub(r"<(script|style|title)\b.*?</\1>", " ", markup, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without_scripts)).split())


def main_of(page: str) -> str:
    [main] = re.findall(r"<main\b.*?</main>", page, flags=re.S)
    return words_of(main)


def test_the_table_has_every_kind_and_state() -> None:
    assert {case.kind for case in CASES.values()} == set(kinds.KINDS)
    assert {ending.state for ending in ENDINGS.values()} == set(State)


@pytest.mark.parametrize(("case", "ending"), list(itertools.product(CASES, ENDINGS)))
def test_the_page_says_what_was_asked_and_what_became_of_it(
    by_ada: Client, ada: User, card: ModelCard, case: str, ending: str
) -> None:
    table_row, end = CASES[case], ENDINGS[ending]
    job = submit(table_row, card, ada)
    end.reach(job)

    response = by_ada.get(f"/jobs/{job.pk}/")
    part = by_ada.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true"})

    assert (response.status_code, part.status_code) == (200, 200)
    assert Job.objects.get().state == end.state
    page = main_of(response.content.decode())
    assert "<html" not in part.content.decode()
    assert words_of(part.content.decode()) == page
    [headline] = map(words_of, re.findall(r"<h1\b.*?</h1>", response.content.decode(), flags=re.S))
    assert headline.startswith(headline_of(job, table_row, end))
    assert [text for text in table_row.request_shown if text not in page] == []


def headline_of(job: Job, table_row: Case, end: Ending) -> str:
    if end.state == State.SUCCEEDED:
        return table_row.headline
    if end.state == State.RUNNING:
        return "looking at your picture" if job.image_count == 1 else "running"
    return end.headline


@pytest.mark.parametrize("ending", [name for name in ENDINGS if "invalid_image" not in name])
def test_nothing_is_said_of_pictures_or_files_where_none_was_sent(
    by_ada: Client, ada: User, card: ModelCard, ending: str
) -> None:
    job = submit(CASES["embed one text"], card, ada)
    ENDINGS[ending].reach(job)
    code_aside = re.sub(
        r"<details\b.*?</details>", "", by_ada.get(f"/jobs/{job.pk}/").content.decode(), flags=re.S
    )

    page = main_of(code_aside)

    assert re.findall(r"\b(?:picture|photo|image|file|label|scor)\w*", page) == []


def test_the_page_of_many_images_and_labels_stays_small(
    by_ada: Client, ada: User, card: ModelCard
) -> None:
    many = classify_request(*[image()] * 60, labels=LABELS[:300])
    job = submit(Case("classify", many, [], ""), card, ada)
    succeed(job)

    page = by_ada.get(f"/jobs/{job.pk}/").content.decode()

    assert "60 images scored" in page
    assert "the first 50 of 60 images" in words_of(page)
    assert "the best 10 of 300 labels" in words_of(page)
    assert len(page) < 1_000_000


@pytest.mark.parametrize("case", CASES)
def test_nobody_else_finds_the_page(ada: User, card: ModelCard, case: str) -> None:
    job = submit(CASES[case], card, ada)
    bob = Client()
    bob.force_login(User.objects.create_user("bob@lab.example"))

    for stranger in (Client(), bob):
        assert stranger.get(f"/jobs/{job.pk}/").status_code == 404
        part = stranger.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true"})
        assert part.status_code == 404
    assert bob.get(f"/jobs/{uuid.uuid4()}/").status_code == 404


@pytest.mark.parametrize("verb", ["post", "put", "patch", "delete"])
def test_the_page_is_only_read(by_ada: Client, ada: User, card: ModelCard, verb: str) -> None:
    job = submit(CASES["embed one text"], card, ada)

    response = getattr(by_ada, verb)(f"/jobs/{job.pk}/")

    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"
