"""Rows may outlive the folder of their kind by a day: they are gone for everybody, not an error."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from inference import jobs, kinds
from inference.jobs import claims
from inference.kinds.embed import request as embed
from inference.models import ErrorCode, Job, State
from inference.worker.texts.cache import TextCache
from tests.fakes.encoder import HashEncoder
from tests.inference.api.conftest import Api
from tests.support.batches import settle_all

REMOVED = "segment"


def of_removed_kind(job: Job) -> Job:
    Job.objects.filter(pk=job.pk).update(kind=REMOVED)
    job.refresh_from_db()
    return job


def finished(api: Api) -> Job:
    api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a cat"})
    return of_removed_kind(Job.objects.get())


def queued(api: Api) -> Job:
    api.worker.pause()
    body = {"model": api.card.repo, "input": "a cat"}
    api.http.post("/v1/embeddings", json=body, headers={"Prefer": "respond-async"})
    return of_removed_kind(Job.objects.get())


@pytest.mark.parametrize("make", [finished, queued])
def test_a_job_of_a_removed_kind_is_a_404(
    api: Api, client: Client, make: Callable[[Api], Job]
) -> None:
    job = make(api)
    client.force_login(api.user)

    page = client.get(f"/jobs/{job.pk}/")
    partial = client.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true"})
    answers = [
        api.http.get(f"/v1/jobs/{job.pk}"),
        api.http.get(f"/v1/jobs/{job.pk}/events"),
        api.http.post(f"/v1/jobs/{job.pk}/cancel"),
    ]

    assert (page.status_code, partial.status_code) == (404, 404)
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert {answer.json()["error"]["code"] for answer in answers} == {"job_not_found"}


def test_a_list_leaves_it_out(api: Api) -> None:
    finished(api)
    api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a dog"})

    page = api.http.get("/v1/jobs").json()

    assert [job["kind"] for job in page["data"]] == ["embed"]


def test_the_jobs_of_known_kinds_stay_readable(api: Api) -> None:
    api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a cat"})
    job = Job.objects.get()

    assert api.http.get(f"/v1/jobs/{job.pk}").status_code == 200
    assert list(kinds.readable(Job.objects.all())) == [job]


def test_a_worker_fails_it_alone(db: None, served_card: object) -> None:
    user = User.objects.create_user("ada@lab.example")
    requester = jobs.Requester(user_id=user.pk, visitor=None)
    request = embed.job_request(served_card, ["a cat"])  # type: ignore[arg-type]
    known, unknown = (jobs.submit(request, requester=requester) for _ in range(2))
    of_removed_kind(unknown)
    encoder = HashEncoder()

    settle_all(TextCache(encoder), encoder, claims.claim(served_card, worker="w", budget=9))  # type: ignore[arg-type]

    known.refresh_from_db()
    unknown.refresh_from_db()
    assert known.state == State.SUCCEEDED
    assert (unknown.state, unknown.error_code) == (State.FAILED, ErrorCode.INTERNAL)
