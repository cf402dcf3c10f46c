"""The document says what is so, in a way that generators of clients understand."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from inference import jobs
from inference.api.openapi.headers import exposed
from inference.models import TEST_EVENT, Delivery, Event
from inference.webhooks import endpoints
from tests.inference.api.conftest import Api, data_url, make_caller, submit
from tests.inference.api.openapi.conftest import (
    Json,
    assert_valid,
    operations,
    resolved,
    responses,
)

# Said by HTTP itself, or by the document elsewhere.
UNDESCRIBED = {"content-encoding"}


def schemas(node: Any) -> Iterator[Json]:
    """All objects of the document that are no examples."""
    if isinstance(node, list):
        for item in node:
            yield from schemas(item)
    elif isinstance(node, dict):
        yield node
        for name, child in node.items():
            if name not in ("example", "examples"):
                yield from schemas(child)


def test_nothing_is_null_by_default(document: Json) -> None:
    assert not [node for node in schemas(document) if node.get("default", 0) is None]


def test_a_request_needs_only_what_has_no_default(document: Json) -> None:
    bodies = document["components"]["schemas"]

    assert bodies["EmbeddingsBody"]["required"] == ["model"]
    assert bodies["ClassifyBody"]["required"] == ["model", "input"]
    assert bodies["RankBody"]["required"] == ["model", "query", "documents"]
    # Said to people: generators take a field that has a default for one that is always there.
    truncate = bodies["EmbeddingsBody"]["properties"]["truncate"]
    assert "default" not in truncate
    assert truncate["description"].endswith("Default: `true`.")


def test_operations_have_names_that_read_well(document: Json) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in names), names
    assert {"listModels", "embed", "classify", "rank", "retrieveJob", "makeBatch"} <= set(names)
    assert {"cohereRerank", "onJobSucceeded"} <= set(names)


def test_every_request_has_an_example_that_its_schema_allows(document: Json) -> None:
    for name, operation in operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            assert_examples(document, content, f"{name}: {media_type}")


def test_every_answer_has_an_example_that_its_schema_allows(document: Json) -> None:
    for name, operation in operations(document):
        for status, response in responses(document, operation):
            for content in response.get("content", {}).values():
                assert_examples(document, content, f"{name}: {status}")


def assert_examples(document: Json, content: Json, name: str) -> None:
    examples = [example["value"] for example in content.get("examples", {}).values()]
    examples += [content["example"]] if "example" in content else []
    assert examples, name
    for example in examples:
        assert_valid(document, content["schema"], example)


def test_every_answer_names_its_headers(document: Json) -> None:
    for name, operation in operations(document):
        if operation["operationId"].startswith("on"):
            continue  # the receiver's own answer
        for status, response in responses(document, operation):
            named = set(response["headers"])
            assert {"X-Request-Id", "X-Gigarouter-Cost", "Server-Timing"} <= named, (name, status)
            assert {"429": "Retry-After", "503": "Retry-After", "401": "WWW-Authenticate"}.get(
                status, "RateLimit-Policy"
            ) in named, (name, status)


def test_a_jobs_answer_may_carry_a_warning(document: Json) -> None:
    described = document["paths"]["/v1/embeddings"]["post"]["responses"]

    assert {"X-Warning", "Preference-Applied", "RateLimit"} <= set(described["200"]["headers"])
    assert "Location" in described["202"]["headers"]


def test_headers_have_an_example_of_their_schema(document: Json) -> None:
    for header in document["components"]["headers"].values():
        assert_valid(document, header["schema"], header["example"])


def test_the_headers_that_a_script_may_read_are_those_that_are_described(document: Json) -> None:
    described = {name.lower() for name in document["components"]["headers"]}

    assert described == exposed() - UNDESCRIBED


def test_an_answer_has_no_headers_of_ours_but_those_described(api: Api, document: Json) -> None:
    body = {"model": api.card.repo, "input": "a cat", "temperature": 1}
    described = document["paths"]["/v1/embeddings"]["post"]["responses"]

    answered = api.http.post("/v1/embeddings", json=body)
    refused = api.client().post("/v1/embeddings", json=body)

    for response in (answered, refused):
        parts = resolved(document, described[str(response.status_code)])["headers"]
        ours = exposed().intersection(response.headers) - UNDESCRIBED
        assert ours <= {name.lower() for name in parts}, response.status_code
    assert "x-warning" in answered.headers
    assert "www-authenticate" in refused.headers


def test_an_example_has_the_fields_of_a_real_answer(api: Api, document: Json) -> None:
    job = submit(api)
    model = api.card.repo
    texts = {"model": model, "input": ["a cat", "a dog"], "encoding_format": "float"}
    ranking = {"model": model, "query": "a cat", "documents": [{"image": data_url()}]}
    seen = {
        "get /v1/models": api.http.get("/v1/models"),
        "get /v1/models/{model}": api.http.get(f"/v1/models/{model}"),
        "get /v1/jobs": api.http.get("/v1/jobs"),
        "get /v1/jobs/{job_id}": api.http.get(f"/v1/jobs/{job.pk}"),
        "get /v1/account": api.http.get("/v1/account"),
        "get /v1/credits": api.http.get("/v1/credits"),
        "get /v1/key": api.http.get("/v1/key"),
        "post /v1/embeddings": api.http.post("/v1/embeddings", json=texts),
        "post /v1/rank": api.http.post("/v1/rank", json=ranking),
    }
    described = dict(operations(document))

    for name, response in seen.items():
        [content] = described[name]["responses"]["200"]["content"].values()
        example = next(iter(content["examples"].values()))["value"]
        assert_valid(document, content["schema"], response.json())
        assert fields_of(response.json()) == fields_of(example), name


def fields_of(answer: object) -> object:
    """Names of fields, as deep as both go."""
    if isinstance(answer, dict):
        return {name: fields_of(value) for name, value in answer.items() if name != "result"}
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        return fields_of(answer[0])
    return None


@pytest.fixture
def delivery(transactional_db: None, submit: Any) -> Delivery:
    user: User
    user, key, _ = make_caller("ada@lab.example")
    endpoints.add(user, url="https://good.example/hook", events=Event.values)
    jobs.cancel(submit(by=jobs.Requester(user_id=user.pk, visitor=None, key=key)))
    return Delivery.objects.get()


def test_what_a_webhook_gets_is_what_is_described(document: Json, delivery: Delivery) -> None:
    assert set(document["webhooks"]) == {*Event.values, TEST_EVENT}
    operation = document["webhooks"][delivery.event]["post"]
    [content] = operation["requestBody"]["content"].values()

    assert_valid(document, content["schema"], json.loads(delivery.body))
    assert [header["name"] for header in operation["parameters"]] == [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ]
