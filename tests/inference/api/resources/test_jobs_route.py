"""Jobs: submitted without waiting, looked up, listed, canceled."""

import uuid
from datetime import timedelta

import httpx
import pytest
from django.db.models.functions import Now

from inference.jobs import sweep
from inference.models import Job, State
from tests.conftest import photo_bytes
from tests.inference.api.conftest import (
    CREDIT,
    Api,
    data_url,
    eventually,
    in_base64,
    make_caller,
    money,
)

EMBED, CLASSIFY = "/v1/embeddings", "/v1/classify"

UNKNOWN_JOB = uuid.UUID(int=7)


def ask(api: Api, prefer: str = "respond-async", **body: object) -> httpx.Response:
    request = {"model": api.card.repo, "input": "a cat"} | body
    return api.http.post(EMBED, json=request, headers={"Prefer": prefer})


def test_respond_async_is_202_with_where_to_look(api: Api) -> None:
    api.worker.pause()

    response = ask(api)

    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    assert response.headers["preference-applied"] == "respond-async"
    assert (job["object"], job["status"], job["queue_position"]) == ("job", "queued", 0)
    assert job["result"] is None
    assert job["error"] is None
    assert job["urls"]["get"].endswith(f"/v1/jobs/{job['id']}")
    assert job["urls"]["events"].endswith(f"/v1/jobs/{job['id']}/events")


def test_the_result_is_in_the_job(api: Api) -> None:
    direct = api.http.post(EMBED, json={"model": api.card.repo, "input": "a cat"}).json()
    at = ask(api).headers["location"]

    eventually(lambda: api.http.get(at).json()["status"] == "succeeded")

    job = api.http.get(at).json()
    assert job["result"]["data"] == direct["data"]
    assert (job["cost"], job["cost_usd"]) == (0, "0")
    assert job["finished_at"] >= job["created_at"]


def test_a_result_is_written_as_it_was_asked_for(api: Api) -> None:
    at = ask(api, encoding_format="base64").headers["location"]
    classified = api.http.post(
        CLASSIFY,
        headers={"Prefer": "respond-async"},
        json={"model": api.card.repo, "input": data_url(), "labels": ["a", "b", "c"], "top_k": 1},
    ).headers["location"]

    eventually(lambda: api.http.get(classified).json()["status"] == "succeeded")
    eventually(lambda: api.http.get(at).json()["status"] == "succeeded")

    assert isinstance(api.http.get(at).json()["result"]["data"][0]["embedding"], str)
    [item] = api.http.get(classified).json()["result"]["data"]
    assert len(item["predictions"]) == 1


def test_wait_answers_in_time_or_with_the_job(api: Api) -> None:
    fast = ask(api, "wait=30")
    api.worker.pause()
    slow = ask(api, "wait=1", input="a dog")

    assert (fast.status_code, fast.json()["object"]) == (200, "list")
    assert fast.headers["preference-applied"] == "wait=30"
    assert (slow.status_code, slow.json()["status"]) == (202, "queued")
    assert slow.headers["preference-applied"] == "wait=1"


def test_both_preferences_together(api: Api) -> None:
    assert ask(api, "respond-async, wait=20").status_code == 200


@pytest.mark.parametrize("prefer", ["wait=soon", "return=minimal", "wait=99999", ""])
def test_a_preference_that_makes_no_sense_is_ignored(api: Api, prefer: str) -> None:
    response = ask(api, prefer)

    assert response.status_code == 200
    assert "preference-applied" not in response.headers


def test_a_failure_is_in_the_job(api: Api) -> None:
    whole = photo_bytes(200, 200, kind="PNG")
    at = ask(api, input=[{"image": in_base64(whole[:200])}]).headers["location"]

    eventually(lambda: api.http.get(at).json()["status"] == "failed")

    response = api.http.get(at)
    assert response.status_code == 200
    assert response.json()["error"]["code"] == "invalid_image"
    assert money(api.user) == (CREDIT, 0)


def test_a_job_that_nobody_came_to_is_expired(api: Api) -> None:
    api.worker.pause()
    at = ask(api).headers["location"]
    Job.objects.update(deadline_at=Now() - timedelta(seconds=1))

    sweep.sweep()

    job = api.http.get(at).json()
    assert (job["status"], job["error"]["code"]) == ("expired", "deadline")


def test_cancelling_gives_the_credit_back(api: Api) -> None:
    api.worker.pause()
    at = ask(api).headers["location"]
    assert money(api.user)[1] > 0

    response = api.http.post(f"{at}/cancel")

    assert (response.status_code, response.json()["status"]) == (200, "canceled")
    assert money(api.user) == (CREDIT, 0)
    assert api.http.get(at).json()["error"]["code"] == "job_canceled"


def test_what_has_ended_cannot_be_cancelled(api: Api) -> None:
    api.http.post(EMBED, json={"model": api.card.repo, "input": "a cat"})
    job = Job.objects.get()

    response = api.http.post(f"/v1/jobs/{job.pk}/cancel")

    assert response.status_code == 409
    error = response.json()["error"]
    assert (error["code"], error["metadata"]) == ("job_already_final", {"status": "succeeded"})
    assert response.headers["x-should-retry"] == "false"


def test_jobs_are_listed_the_latest_first_by_pages(api: Api) -> None:
    api.worker.pause()
    made = [ask(api, input=str(n)).json()["id"] for n in range(5)]

    first = api.http.get("/v1/jobs?limit=3").json()
    second = api.http.get(f"/v1/jobs?limit=3&after={first['last_id']}").json()

    assert [job["id"] for job in first["data"] + second["data"]] == made[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert "result" not in first["data"][0]
    assert api.http.get(f"/v1/jobs?after={made[0]}").json() == {
        "object": "list",
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "after=x", "after=0d6c7f6e-5f4e-4d4c-9f57-1f1c2f0f7a11"],
)
def test_a_page_that_is_none_is_refused(api: Api, query: str) -> None:
    response = api.http.get(f"/v1/jobs?{query}")

    assert response.status_code == 400
    assert response.json()["error"]["param"] == query.partition("=")[0]


def test_somebody_else_s_job_does_not_exist(api: Api) -> None:
    api.worker.pause()
    at = ask(api).headers["location"]
    *_, stranger = make_caller("eve@lab.example")
    eve = api.client(stranger)

    assert eve.get(at).status_code == 404
    assert eve.post(f"{at}/cancel").status_code == 404
    assert eve.get("/v1/jobs").json()["data"] == []
    assert eve.get(f"/v1/jobs?after={at.rpartition('/')[2]}").status_code == 400
    assert Job.objects.get().state == State.QUEUED


@pytest.mark.parametrize("job_id", ["x", "00000000-0000-0000-0000-000000000000", "%00", "1" * 300])
def test_a_job_that_is_none_is_404(api: Api, job_id: str) -> None:
    assert api.http.get(f"/v1/jobs/{job_id}").status_code == 404
    assert api.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 404


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", "/v1/jobs"), ("GET", "/v1/jobs/x"), ("POST", "/v1/jobs/x/cancel")],
)
def test_strangers_and_other_verbs_are_refused(api: Api, verb: str, path: str) -> None:
    assert api.client().request(verb, path).status_code == 401
    assert api.http.request("PATCH", path).status_code == 405
