"""What clients and people trip over first."""

import gzip
import json
import re
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from accounts import keys
from inference import jobs
from inference.models import Job, State, Worker
from tests.inference.api.conftest import CREDIT, Api, data_url, ended, make_caller, money, submit

PATH = "/v1/embeddings"


def body(api: Api, **fields: object) -> dict[str, object]:
    return {"model": api.card.repo, "input": "a cat"} | fields


def error(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    details: dict[str, Any] = response.json()["error"]
    return details


# --- HEAD -------------------------------------------------------------------------------------


def test_head_answers_as_get_does_wherever_there_is_get(api: Api) -> None:
    job = ended(api)
    document = api.http.get("/v1/openapi.json").json()
    values = {"model": api.card.repo, "job_id": str(job.pk)}
    paths = [
        path.format(**values)
        for path, operations in document["paths"].items()
        if "get" in operations and set(re.findall(r"{(\w+)}", path)) <= values.keys()
    ]
    assert len(paths) >= 8

    for path in [*paths, "/v1/openapi.json"]:
        got, headed = api.http.get(path), api.http.head(path)
        assert headed.status_code == got.status_code == 200, path
        assert headed.content == b"", path
        assert headed.headers["content-type"] == got.headers["content-type"], path


def test_head_of_a_stream_ends_while_the_job_waits(api: Api) -> None:
    api.worker.pause()
    job = submit(api)

    assert api.http.head(f"/v1/jobs/{job.pk}/events").status_code == 200
    api.worker.resume()


def test_a_wrong_verb_names_head_as_well(api: Api) -> None:
    assert api.http.put("/v1/models").headers["allow"] == "GET, HEAD"


# --- gzip -------------------------------------------------------------------------------------


def test_answers_are_packed_for_who_accepts_it(api: Api) -> None:
    texts = [f"text {number}" for number in range(50)]
    plain = api.http.post(
        PATH, json=body(api, input=texts), headers={"Accept-Encoding": "identity"}
    )
    packed = api.http.post(PATH, json=body(api, input=texts), headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert packed.json()["data"] == plain.json()["data"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "identity, gzip; q=0.0"])
def test_they_are_not_for_who_does_not(api: Api, accepted: str) -> None:
    texts = [f"text {number}" for number in range(50)]

    response = api.http.post(
        PATH, json=body(api, input=texts), headers={"Accept-Encoding": accepted}
    )

    assert "content-encoding" not in response.headers


def test_streams_are_sent_as_they_come(api: Api) -> None:
    job = ended(api)

    response = api.http.get(f"/v1/jobs/{job.pk}/events", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in response.headers
    assert "event: succeeded" in response.text


def post(api: Api, content: bytes, **headers: str) -> httpx.Response:
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.http.post(PATH, content=content, headers={"content-type": "application/json"} | own)


def test_packed_bodies_are_read(api: Api) -> None:
    packed = gzip.compress(json.dumps(body(api)).encode())

    assert post(api, packed, content_encoding="gzip").status_code == 200
    assert post(api, packed, content_encoding="GZIP").status_code == 200


def test_a_packed_body_is_limited_as_it_is_unpacked(api: Api, settings: Settings) -> None:
    settings.API_MAX_BODY_BYTES = 100_000
    bomb = gzip.compress(b" " * 100_001)
    assert len(bomb) < 1000

    assert error(post(api, bomb, content_encoding="gzip"), 413)["code"] == "request_too_large"


PACKED = gzip.compress(b"{}", mtime=0)  # tests have the same names in every process


@pytest.mark.parametrize(
    "content", [b"{}", PACKED[:-4], PACKED * 2], ids=["not packed", "cut off", "two files"]
)
def test_what_is_not_one_gzip_file_is_400(api: Api, content: bytes) -> None:
    error(post(api, content, content_encoding="gzip"), 400)


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip"])
def test_other_encodings_are_refused_by_name(api: Api, encoding: str) -> None:
    refusal = error(post(api, b"{}", content_encoding=encoding), 415)

    assert encoding in refusal["message"]
    assert refusal["code"] == "unsupported_content_encoding"


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; version=1",
        'application/json; charset=utf-8; profile="a;b"',
        "application/json;odata=verbose;charset=UTF-8",
        "application/vnd.api+json",
        "APPLICATION/JSON",
    ],
)
def test_json_may_have_parameters(api: Api, kind: str) -> None:
    content = json.dumps(body(api)).encode()

    assert post(api, content, content_type=kind).status_code == 200


# --- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/embeddings", "/v1/embeddings"),
        ("/v1/v1/embeddings", "/v1/embeddings"),
        ("/v1/embeddings/", "/v1/embeddings"),
        ("/api/v1/embeddings", "/v1/embeddings"),
        ("/openai/v1/classify", "/v1/classify"),
        ("/rerank", "/v1/rerank"),
        ("/api/v1/models/a/b", "/v1/models/a/b"),
    ],
)
def test_a_404_names_the_address_that_was_meant(api: Api, path: str, meant: str) -> None:
    refusal = error(api.http.post(path, json=body(api)), 404)

    assert refusal["metadata"]["use"] == meant
    assert meant in refusal["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/responses"])
def test_what_these_models_cannot_do_is_said(api: Api, path: str) -> None:
    refusal = error(api.http.post(path, json={}), 404)

    assert "write no text" in refusal["message"]
    assert "/v1/classify" in refusal["message"]


def test_every_404_names_the_endpoints(api: Api) -> None:
    assert "/v1/embeddings" in error(api.http.get("/v1/nothing"), 404)["message"]


# --- models -----------------------------------------------------------------------------------


def test_models_are_listed_without_a_key(api: Api) -> None:
    anonymous = api.client()

    listed = anonymous.get("/v1/models")
    one = anonymous.get(f"/v1/models/{api.card.repo}")

    assert listed.json() == api.http.get("/v1/models").json()
    assert one.json() == api.http.get(f"/v1/models/{api.card.repo}").json()
    assert "x-gigarouter-balance" not in listed.headers


def test_a_key_that_is_not_valid_is_refused_all_the_same(api: Api) -> None:
    headers = {"Authorization": "Bearer gr_live_x"}

    error(api.client().get("/v1/models", headers=headers), 401)


def test_an_unknown_model_s_error_names_what_is_live(api: Api) -> None:
    refusal = error(api.http.post(PATH, json=body(api, model="no/such")), 404)

    assert refusal["metadata"]["live"] == [api.card.repo]
    assert api.card.repo in refusal["message"]
    Worker.objects.all().delete()
    assert error(api.http.get("/v1/models/no/such"), 404)["metadata"]["live"] == []


# --- jobs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/classify", {"input": data_url(), "labels": ["a", "b"]}),
        ("/v1/embeddings", {}),
        ("/v1/rank", {"query": "a", "documents": ["a", "b"]}),
    ],
)
def test_an_answer_s_id_names_its_job(api: Api, path: str, fields: dict[str, object]) -> None:
    answer = api.http.post(path, json=body(api, **fields)).json()

    job = api.http.get(f"/v1/jobs/{answer['id']}").json()

    assert job["result"]["id"] == answer["id"]
    assert api.http.get("/v1/jobs", params={"after": answer["id"]}).json()["data"] == []


def test_jobs_are_filtered_by_status(api: Api) -> None:
    done = ended(api)
    api.worker.pause()
    queued, canceled = submit(api), submit(api)
    jobs.cancel(canceled)
    expected = {"succeeded": done, "queued": queued, "canceled": canceled}

    for status in ("queued", "warming", "running", "succeeded", "failed", "canceled", "expired"):
        listed = api.http.get("/v1/jobs", params={"status": status}).json()["data"]
        ids = [str(expected[status].pk)] if status in expected else []
        assert [job["id"] for job in listed] == ids, status
        assert all(job["status"] == status for job in listed)
    Worker.objects.all().delete()
    [warming] = api.http.get("/v1/jobs", params={"status": "warming"}).json()["data"]
    assert warming["id"] == str(queued.pk)
    error(api.http.get("/v1/jobs", params={"status": "gone"}), 400)
    api.worker.resume()


def test_a_job_is_deleted(api: Api) -> None:
    job = ended(api)
    before = money(api.user)

    answer = api.http.delete(f"/v1/jobs/{job.pk}")

    assert answer.json() == {"id": str(job.pk), "object": "job", "deleted": True}
    assert error(api.http.delete(f"/v1/jobs/{job.pk}"), 404)["code"] == "job_not_found"
    assert money(api.user) == before


def test_a_waiting_job_that_is_deleted_costs_nothing(api: Api) -> None:
    api.worker.pause()
    job = submit(api)

    api.http.delete(f"/v1/jobs/{job.pk}")

    assert money(api.user) == (CREDIT, 0)
    assert not Job.objects.exists()
    api.worker.resume()


def test_somebody_else_s_job_is_not_deleted(api: Api) -> None:
    job = ended(api)
    _, _, bob = make_caller("bob@lab.example")

    error(api.client(bob).delete(f"/v1/jobs/{job.pk}"), 404)

    assert Job.objects.get().state == State.SUCCEEDED


# --- headers and the account ------------------------------------------------------------------


def test_a_replay_does_not_repeat_the_cost(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    first = api.http.post(PATH, json=body(api), headers=headers)
    again = api.http.post(PATH, json=body(api), headers=headers)

    assert first.json() == again.json()
    assert first.headers["x-gigarouter-cost"] == "0.000008"
    assert again.headers["x-gigarouter-cost"] == "0"
    assert again.headers["idempotent-replayed"] == "true"


def test_scripts_may_read_every_header_of_ours(api: Api) -> None:
    keyed = {"Idempotency-Key": "k"}
    answers = [
        api.http.post(PATH, json=body(api, colour=1), headers=keyed),
        api.http.post(PATH, json=body(api, colour=1), headers=keyed),
        api.http.post(PATH, json=body(api), headers={"Prefer": "respond-async"}),
        api.http.put(PATH),
        api.client().get("/v1/account"),
        api.http.get("/hf-inference/nothing"),
        api.http.post("/v1/jobs/x/cancel"),
    ]
    exposed = {
        name.strip() for name in answers[0].headers["access-control-expose-headers"].split(",")
    }
    # What fetch shows of any answer, and what is for browsers and proxies alone.
    own = re.compile(
        r"cache-control|content-(length|type|security-policy)|date|server|connection"
        r"|access-control-.*|vary|x-content-type-options|referrer-policy"
        r"|timing-allow-origin|transfer-encoding"
    )

    for answer in answers:
        ours = {name for name in answer.headers if not own.fullmatch(name)}
        assert ours <= exposed, ours - exposed


def test_scripts_may_delete(api: Api) -> None:
    preflight = api.client().options(
        "/v1/jobs/x",
        headers={"Origin": "https://a.example", "Access-Control-Request-Method": "DELETE"},
    )

    assert "DELETE" in preflight.headers["access-control-allow-methods"]


def test_a_key_with_a_limit_sees_itself_alone(api: Api) -> None:
    limited, secret = keys.issue(api.user, name="for the browser", limit_micro_usd=1000)

    seen = api.client(secret).get("/v1/account").json()["keys"]
    by_owner = api.http.get("/v1/account").json()["keys"]

    assert [key["id"] for key in seen] == [limited.pk]
    assert {key["id"] for key in by_owner} == {api.key.pk, limited.pk}
