"""A suspended account is told why by every route, and nothing of it runs."""

import pytest

from accounts import keys, suspension
from inference.api.errors import NO_RETRY
from inference.models import Job
from tests.inference.api.conftest import Api, make_caller

CALLS = [
    ("GET", "/v1/models", None),
    ("GET", "/v1/account", None),
    ("POST", "/v1/embeddings", {"input": "a cat"}),
    ("GET", "/v1/jobs", None),
    ("GET", "/v1/batches", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_the_answer_is_403_with_the_reason(
    api: Api, method: str, path: str, body: dict[str, str] | None
) -> None:
    suspension.suspend(api.user, reason="A payment was disputed.")

    sent = body | {"model": api.card.repo} if body else None
    answer = api.http.request(method, path, json=sent)

    assert answer.status_code == 403
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("account_suspended", "permission_error")
    assert "A payment was disputed." in error["message"]
    assert "/contact/" in error["message"]
    assert answer.headers.items() >= NO_RETRY.items()
    assert not Job.objects.exists()


def test_keys_work_again_when_the_account_is_reinstated(api: Api) -> None:
    suspension.suspend(api.user, reason="x")
    suspension.reinstate(api.user)

    answer = api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a cat"})

    assert answer.status_code == 200


def test_a_revoked_key_of_a_suspended_account_learns_nothing(api: Api) -> None:
    user, key, secret = make_caller("bob@lab.example")
    keys.revoke(key)
    suspension.suspend(user, reason="A payment was disputed.")

    assert api.client(secret).get("/v1/account").status_code == 401


def test_a_call_names_its_job_by_its_request_id(api: Api) -> None:
    answer = api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a cat"})

    request_id = Job.objects.get().request_id
    assert request_id
    assert answer.headers["x-request-id"] == f"req_{request_id.hex}"
