"""GET /v1/models, and which models can be called."""

from datetime import date

import httpx
import pytest

from catalog.models import Alias, Stage
from inference.models import Job, Worker
from tests.conftest import PRICED, UNPRICED, make_card
from tests.inference.api.conftest import Api


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [model["id"] for model in response.json()["data"]]


def embed(api: Api, model: str) -> httpx.Response:
    return api.http.post("/v1/embeddings", json={"model": model, "input": "a"})


def test_the_list_has_what_can_be_called(api: Api) -> None:
    make_card("laion/soon")
    make_card("laion/unserved", stage=Stage.LIVE, **PRICED)

    assert ids(api.http.get("/v1/models")) == [api.card.repo]
    assert set(ids(api.http.get("/v1/models?status=all"))) == {
        api.card.repo,
        "laion/soon",
        "laion/unserved",
    }


def test_a_model_says_what_a_client_looks_for(api: Api) -> None:
    type(api.card).objects.update(published=date(2022, 3, 3))

    model = api.http.get(f"/v1/models/{api.card.repo}").json()

    assert (model["object"], model["owned_by"], model["created"]) == ("model", "openai", 1646265600)
    assert model["shutdown_date"] is None
    details = model["gigarouter"]
    assert (details["status"], details["callable"], details["embedding_dim"]) == ("live", True, 8)
    assert details["pricing"]["image"] == "0.000094"
    assert details["pricing"]["text"] == "0.000008"
    assert details["pricing"]["estimated"] is False


@pytest.mark.parametrize(
    "spelling",
    [
        "openai/clip-vit-base-patch32",
        "openai%2Fclip-vit-base-patch32",
        "clip-vit-base-patch32",
        "OpenAI/CLIP-ViT-Base-Patch32",
        "openai/old-name",
    ],
)
def test_a_model_has_many_spellings(api: Api, spelling: str) -> None:
    Alias.objects.create(card=api.card, name="openai/old-name")

    assert api.http.get(f"/v1/models/{spelling}").json()["id"] == api.card.repo


def test_any_spelling_can_be_called(api: Api) -> None:
    assert embed(api, "CLIP-vit-base-PATCH32").json()["model"] == api.card.repo


def test_an_unknown_model_is_404_with_a_guess(api: Api) -> None:
    for response in (
        api.http.get("/v1/models/openai/clip-vit-base-patch23"),
        embed(api, "openai/clip-vit-base-patch23"),
    ):
        assert response.status_code == 404
        error = response.json()["error"]
        assert error["code"] == "model_not_found"
        assert error["metadata"]["did_you_mean"] == [api.card.repo]


@pytest.mark.parametrize("name", ["a%00b", "%F0%9F%98%80", "x" * 300, "../admin", "%2F%2F"])
def test_a_name_that_is_none_is_404(api: Api, name: str) -> None:
    assert api.http.get(f"/v1/models/{name}").status_code == 404


def test_a_coming_soon_model_is_404_with_where_to_vote(api: Api) -> None:
    make_card("laion/soon", stage=Stage.ONBOARDING)
    Worker.objects.update(repos=[api.card.repo, "laion/soon"])

    response = embed(api, "laion/soon")

    assert response.status_code == 404
    error = response.json()["error"]
    assert error["code"] == "model_not_live"
    assert error["type"] == "invalid_request_error"
    assert error["param"] == "model"
    assert error["metadata"]["status"] == "coming_soon"
    assert error["metadata"]["vote_url"].endswith("/models/laion/soon/vote/")
    assert error["metadata"]["page"].endswith("/models/laion/soon/")


def test_a_retired_model_is_410(api: Api) -> None:
    make_card("laion/gone", stage=Stage.RETIRED)

    response = embed(api, "laion/gone")

    assert response.status_code == 410
    error = response.json()["error"]
    assert error["code"] == "model_retired"
    assert error["message"] == "laion/gone has been retired."
    assert error["metadata"]["successor"] is None


def test_a_retired_model_names_what_to_use_instead(api: Api) -> None:
    make_card("laion/gone", stage=Stage.RETIRED, successor=api.card)

    error = embed(api, "laion/gone").json()["error"]

    assert error["message"] == f"laion/gone has been retired. Use {api.card.repo} instead."
    assert error["metadata"]["successor"] == api.card.repo


@pytest.mark.parametrize("stage", [Stage.DEPRECATED, Stage.RETIRED])
def test_a_leaving_model_has_its_successor_in_its_object(api: Api, stage: Stage) -> None:
    make_card("laion/leaving", stage=stage, successor=api.card)

    models = {model["id"]: model for model in api.http.get("/v1/models?status=all").json()["data"]}

    assert models["laion/leaving"] == api.http.get("/v1/models/laion/leaving").json()
    assert models["laion/leaving"]["gigarouter"]["successor"] == api.card.repo
    assert models[api.card.repo]["gigarouter"]["successor"] is None


def test_a_live_model_without_a_worker_is_503(api: Api) -> None:
    make_card("laion/cold", stage=Stage.LIVE, **PRICED)

    response = embed(api, "laion/cold")

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "model_warming"
    assert 5 <= int(response.headers["retry-after"]) <= 20


def test_who_can_wait_may_queue_for_a_worker(api: Api) -> None:
    make_card("laion/cold", stage=Stage.LIVE, **PRICED)

    response = api.http.post(
        "/v1/embeddings",
        json={"model": "laion/cold", "input": "a"},
        headers={"Prefer": "respond-async"},
    )

    assert response.status_code == 202
    assert response.json()["status"] == "warming"


def test_the_stand_in_is_free(api: Api) -> None:
    type(api.card).objects.update(is_stand_in=True, **UNPRICED)

    response = embed(api, api.card.repo)

    assert response.json()["usage"]["cost_usd"] == "0"
    pricing = api.http.get(f"/v1/models/{api.card.repo}").json()["gigarouter"]["pricing"]
    assert (pricing["image"], pricing["text_token"], pricing["text"]) == ("0", "0", "0")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/a/b"])
def test_other_verbs_are_refused(api: Api, path: str) -> None:
    assert api.http.post(path).status_code == 405


def test_an_unknown_status_is_refused(api: Api) -> None:
    response = api.http.get("/v1/models?status=secret")

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "status"


def test_the_revision_is_what_the_workers_hold_and_not_what_was_pinned(api: Api) -> None:
    def revision() -> object:
        return api.http.get(f"/v1/models/{api.card.repo}").json()["gigarouter"]["revision"]

    assert api.card.revision == "0" * 40
    assert revision() is None

    Worker.objects.update(revisions={api.card.repo: "local:ab"})
    assert revision() == "local:ab"
    [listed] = api.http.get("/v1/models").json()["data"]
    assert listed["gigarouter"]["revision"] == "local:ab"

    # Two workers that differ: no single one answers.
    Worker.objects.create(
        name="w2", pid=2, device="cpu", repos=[api.card.repo], revisions={api.card.repo: "cd"}
    )
    assert revision() is None


@pytest.mark.parametrize(
    "unpriced",
    [
        UNPRICED,
        UNPRICED | {"image_gflops": 162.03},  # texts would be free, and nobody has said so
    ],
)
@pytest.mark.parametrize("stage", [Stage.PREVIEW, Stage.LIVE, Stage.DEPRECATED])
@pytest.mark.parametrize("prefer", ["wait=10", "respond-async"])
def test_no_key_can_call_what_has_no_complete_price(
    api: Api, unpriced: dict[str, object], stage: Stage, prefer: str
) -> None:
    type(api.card).objects.update(stage=stage, **unpriced)
    body = {"model": api.card.repo, "input": "a"}

    answers = [
        api.http.post("/v1/embeddings", json=body, headers={"Prefer": prefer}),
        api.http.post(
            f"/hf-inference/models/{api.card.repo}/pipeline/feature-extraction",
            json={"inputs": "a"},
        ),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    error = answers[0].json()["error"]
    assert (error["code"], error["param"]) == ("model_not_priced", "model")
    assert "no complete price" in answers[1].json()["error"]
    assert ids(api.http.get("/v1/models")) == []
    model = api.http.get(f"/v1/models/{api.card.repo}").json()["gigarouter"]
    assert not model["callable"]
    assert (model["pricing"] or {"text": None})["text"] is None
    assert not Job.objects.exists()


def test_the_stand_in_is_free_on_purpose(api: Api) -> None:
    type(api.card).objects.update(is_stand_in=True, **UNPRICED)

    answer = embed(api, api.card.repo)

    assert answer.status_code == 200
    assert answer.json()["usage"]["cost_usd"] == "0"
