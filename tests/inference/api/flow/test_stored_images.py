"""Images of API calls, in a bucket, in a slow storage, and in one that is away."""

from typing import Any

import httpx
import pytest

from inference.models import IdempotentCall, Job, State
from tests.conftest import photo_bytes
from tests.fakes.buckets import Bucket
from tests.fakes.storage import FakeStorage
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_IMAGE,
    PRICE_TEXT,
    Api,
    data_url,
    eventually,
    money,
)
from tests.support.threads import at_once

PATH = "/v1/classify"
CALLS = 20


def body(api: Api, images: int = 1) -> dict[str, Any]:
    return {
        "model": api.card.repo,
        "input": [{"image": data_url()}] * images,
        "labels": ["a cat"],
    }


@pytest.mark.parametrize("images", [1, 5])
def test_a_call_goes_through_a_bucket_and_leaves_nothing(
    api: Api, bucket: Bucket, images: int
) -> None:
    response = api.http.post(PATH, json=body(api, images))

    assert response.status_code == 200, response.text
    assert len(response.json()["data"]) == images
    eventually(lambda: not bucket.keys)
    assert money(api.user) == (CREDIT - images * PRICE_IMAGE - PRICE_TEXT, 0)


def test_a_canceled_job_leaves_nothing_in_the_bucket(api: Api, bucket: Bucket) -> None:
    api.worker.pause()
    job = api.http.post(PATH, json=body(api, 2), headers={"Prefer": "respond-async"}).json()
    assert bucket.keys == set(Job.objects.get().image_files)

    response = api.http.post(f"/v1/jobs/{job['id']}/cancel")

    assert response.json()["status"] == "canceled"
    assert bucket.keys == set()


def test_calls_of_one_account_do_not_wait_for_each_others_files(
    api: Api, fake_storage: FakeStorage
) -> None:
    """Twenty at once, 300 ms a file: the wallet's row is locked while none of them is touched."""
    fake_storage.seconds = 0.3

    def call(number: int) -> httpx.Response:
        # Calls that are the same would be one job.
        different = {"input": [{"image": data_url(photo_bytes(64 + number))}]}
        with httpx.Client(base_url=api.base_url, headers=api.http.headers, timeout=90) as client:
            return client.post(PATH, json=body(api) | different)

    responses = at_once(call, CALLS)

    assert [response.status_code for response in responses] == [200] * CALLS
    assert len(fake_storage.of("save")) == CALLS
    assert not any(operation.is_in_transaction for operation in fake_storage.operations)
    eventually(lambda: not fake_storage.names)
    assert money(api.user) == (CREDIT - CALLS * PRICE_IMAGE - PRICE_TEXT, 0)


@pytest.mark.parametrize("images", [1, 5])
def test_a_storage_that_is_away_is_a_503_that_costs_nothing(
    api: Api, fake_storage: FakeStorage, images: int
) -> None:
    fake_storage.breaks("save")

    response = api.http.post(PATH, json=body(api, images), headers={"Idempotency-Key": "k"})

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "unavailable"
    assert int(response.headers["retry-after"]) > 0
    eventually(lambda: not IdempotentCall.objects.exists())
    assert not Job.objects.exists()
    assert fake_storage.names == set()
    assert money(api.user) == (CREDIT, 0)


def test_the_same_call_succeeds_when_the_storage_is_back(
    api: Api, fake_storage: FakeStorage
) -> None:
    headers = {"Idempotency-Key": "k"}
    fake_storage.breaks("save")
    api.http.post(PATH, json=body(api), headers=headers)
    eventually(lambda: not IdempotentCall.objects.exists())
    fake_storage.broken.clear()

    response = api.http.post(PATH, json=body(api), headers=headers)

    assert response.status_code == 200
    assert Job.objects.get().state == State.SUCCEEDED


def test_texts_need_no_storage(api: Api, fake_storage: FakeStorage) -> None:
    fake_storage.breaks("save")

    response = api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a cat"})

    assert response.status_code == 200
