"""Answers of a model that leaves say so: RFC 9745's Deprecation, RFC 8594's Sunset, a sentence."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest
from django.db.models import F

from catalog.models import ModelCard, Stage
from inference.models import Job, State
from tests.conftest import make_card
from tests.inference.api.conftest import PRICE_IMAGE, Api, data_url, eventually

SINCE = datetime(2030, 11, 1, 9, tzinfo=UTC)
UNTIL = datetime(2031, 3, 1, 12, 30, tzinfo=UTC)
SENTENCE = "openai/clip-vit-base-patch32 is deprecated and shuts down on 1 March 2031, 12:30 UTC."


def leave(card: ModelCard, **more: object) -> None:
    successor = make_card("laion/newer", stage=Stage.LIVE)
    columns = {"deprecated_at": SINCE, "shutdown_at": UNTIL, "successor": successor, **more}
    ModelCard.objects.filter(pk=card.pk).update(stage=Stage.DEPRECATED, **columns)


def embed(api: Api, **headers: str) -> httpx.Response:
    body = {"model": api.card.repo, "input": "a cat"}
    return api.http.post("/v1/embeddings", json=body, headers=headers)


def assert_says_so(answer: httpx.Response) -> None:
    assert answer.headers["deprecation"] == f"@{int(SINCE.timestamp())}"
    assert parsedate_to_datetime(answer.headers["sunset"]) == UNTIL
    assert answer.headers["sunset"].endswith(" GMT")
    address, *parameters = answer.headers["link"].split("; ")
    assert address.endswith("/models/openai/clip-vit-base-patch32/>")
    assert parameters == ['rel="deprecation"', 'type="text/html"']
    assert answer.headers["x-warning"].startswith(f"{SENTENCE} Use laion/newer instead.")


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_an_answer_and_an_accepted_job_say_it(api: Api, prefer: str) -> None:
    leave(api.card)

    answer = embed(api, prefer=prefer)

    assert answer.status_code == (202 if prefer else 200)
    assert_says_so(answer)


def test_a_replay_says_it(api: Api) -> None:
    leave(api.card)

    answers = [embed(api, **{"idempotency-key": "one"}) for _ in range(2)]

    assert answers[1].headers["idempotent-replayed"] == "true"
    for answer in answers:
        assert_says_so(answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/classify", {"input": [{"image": data_url()}], "labels": ["a cat", "a dog"]}),
        ("/v1/rank", {"query": "a cat", "documents": ["a dog"]}),
        ("/v2/rerank", {"query": "a cat", "documents": ["a dog"]}),
        ("/v1/inference/openai/clip-vit-base-patch32", {"inputs": ["a cat"]}),
    ],
)
def test_every_kind_and_dialect_says_it(api: Api, path: str, body: dict[str, object]) -> None:
    leave(api.card)

    answer = api.http.post(path, json={"model": api.card.repo, **body})

    assert answer.status_code == 200, answer.text
    assert_says_so(answer)


def test_the_sentence_stands_before_other_warnings(api: Api) -> None:
    leave(api.card)
    body = {"model": api.card.repo, "input": "a cat", "temperature": 1}

    answer = api.http.post("/v1/embeddings", json=body)

    warning = answer.headers["x-warning"]
    assert warning.startswith(SENTENCE)
    assert "temperature" in warning


def test_without_a_date_it_says_deprecated_and_names_no_sunset(api: Api) -> None:
    leave(api.card, shutdown_at=None, successor=None)

    answer = embed(api)

    assert answer.headers["deprecation"] == f"@{int(SINCE.timestamp())}"
    assert "sunset" not in answer.headers
    assert answer.headers["x-warning"] == f"{api.card.repo} is deprecated."


def test_a_model_that_stays_says_nothing(api: Api) -> None:
    answer = embed(api)

    assert not {"deprecation", "sunset", "link", "x-warning"} & set(answer.headers)


def test_a_script_of_another_site_may_read_them(api: Api) -> None:
    exposed = embed(api).headers["access-control-expose-headers"].split(", ")

    assert {"deprecation", "sunset", "link", "x-warning"} <= set(exposed)


def test_the_model_s_object_has_its_dates_and_headers(api: Api) -> None:
    leave(api.card)

    answer = api.http.get(f"/v1/models/{api.card.repo}")
    [listed] = api.http.get("/v1/models").json()["data"]

    assert_says_so(answer)
    assert answer.json() == listed
    assert listed["shutdown_date"] == "2031-03-01"
    details = listed["gigarouter"]
    assert (details["deprecation_date"], details["shutdown_date"], details["successor"]) == (
        "2030-11-01",
        "2031-03-01",
        "laion/newer",
    )


def test_a_quote_says_it(api: Api) -> None:
    leave(api.card)

    answer = api.http.post("/v1/quote", json={"model": api.card.repo, "input": "a cat"})

    assert answer.status_code == 200, answer.text
    assert_says_so(answer)


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("post", "/v1/embeddings", "200"),
        ("post", "/v1/embeddings", "202"),
        ("post", "/v1/quote", "200"),
        ("get", "/v1/models/{model}", "200"),
    ],
)
def test_the_openapi_document_describes_the_headers(
    api: Api, verb: str, path: str, status: str
) -> None:
    document = api.http.get("/v1/openapi.json").json()

    described = document["paths"][path][verb]["responses"][status]["headers"]

    assert {"X-Warning", "Deprecation", "Sunset", "Link"} <= set(described)


def test_the_model_s_object_has_its_next_price(api: Api) -> None:
    assert api.http.get(f"/v1/models/{api.card.repo}").json()["gigarouter"]["next_pricing"] is None
    ModelCard.objects.filter(pk=api.card.pk).update(
        next_price_nano_usd_per_image=120_000,
        next_price_nano_usd_per_token=150,
        next_price_at=UNTIL,
    )

    model = api.http.get(f"/v1/models/{api.card.repo}").json()

    assert model["gigarouter"]["next_pricing"] == {
        "currency": "USD",
        "image": "0.00012",
        "text_token": "0.00000015",
        "effective_at": int(UNTIL.timestamp()),
    }
    assert model["gigarouter"]["pricing"]["image"] == "0.000094"


def test_a_retired_model_names_its_successor_and_runs_nothing(api: Api) -> None:
    leave(api.card)
    ModelCard.objects.filter(pk=api.card.pk).update(stage=Stage.RETIRED)

    answer = embed(api)

    assert answer.status_code == 410
    assert answer.json()["error"]["metadata"]["successor"] == "laion/newer"
    assert not Job.objects.exists()


def test_a_job_keeps_the_prices_that_it_was_admitted_with(api: Api) -> None:
    api.worker.pause()
    body = {"model": api.card.repo, "input": [{"image": data_url()}], "labels": ["a", "b"]}
    late = api.http.post("/v1/classify", json=body, headers={"prefer": "respond-async"})
    ModelCard.objects.filter(pk=api.card.pk).update(
        launch_price_nano_usd_per_image=F("launch_price_nano_usd_per_image") * 10
    )

    api.worker.resume()

    job = Job.objects.get()
    assert late.headers["location"].endswith(str(job.pk))
    eventually(lambda: Job.objects.get().is_final)
    job.refresh_from_db()
    assert job.state == State.SUCCEEDED
    assert job.nano_usd_per_image == api.card.launch_price_nano_usd_per_image
    assert (job.cost_micro_usd or 0) < 10 * PRICE_IMAGE
