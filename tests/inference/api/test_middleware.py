"""What every answer carries, and what is refused before any work is done."""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import APIRouter
from pytest_django import Settings

from accounts import keys
from accounts.models import ApiKey
from catalog.infrastructure import log_context
from config.middleware.body_limit import BodyPace
from inference.api.app import build
from inference.api.dialects import DIALECTS
from inference.api.dialects.dialect import Dialect
from tests.inference.api.conftest import Api, in_base64, make_caller
from tests.support.http import fresh_api
from tests.support.http.asgi import ask

PATH = "/v1/embeddings"


def post(api: Api, content: bytes | str, **headers: str) -> httpx.Response:
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.http.post(PATH, content=content, headers={"content-type": "application/json"} | own)


def refused(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    error: dict[str, object] = response.json()["error"]
    assert error["code"] == code
    assert error["request_id"] == response.headers["x-request-id"]
    return error


def answers_of_all_kinds(api: Api) -> dict[str, httpx.Response]:
    body = {"model": api.card.repo, "input": "a"}
    return {
        "good": api.http.post(PATH, json=body),
        "list": api.http.get("/v1/models"),
        "bad input": api.http.post(PATH, json={}),
        "stranger": api.client().post(PATH, json=body),
        "nothing there": api.client().get("/v1/nothing"),
        "wrong verb": api.http.delete(PATH),
        "no json": post(api, "{"),
        "hugging face": api.http.get("/hf-inference/nothing"),
        "description": api.client().get("/v1/openapi.json"),
    }


def test_every_answer_has_an_id_a_time_limits_and_a_cost(api: Api) -> None:
    responses = answers_of_all_kinds(api)

    for name, response in responses.items():
        assert response.headers["content-type"].startswith("application/json"), name
        for header in (
            "x-request-id",
            "openai-processing-ms",
            "server-timing",
            "x-gigarouter-cost",
            "ratelimit-policy",
            "x-ratelimit-limit-requests",
        ):
            assert header in response.headers, (name, header)
    assert len({response.headers["x-request-id"] for response in responses.values()}) == len(
        responses
    )


def test_an_answer_tells_how_long_its_job_waited_and_ran(api: Api) -> None:
    answers = answers_of_all_kinds(api)

    timing = answers["good"].headers["server-timing"]
    assert re.fullmatch(r"wait;dur=[\d.]+, run;dur=[\d.]+, total;dur=\d+", timing)
    assert re.fullmatch(r"total;dur=\d+", answers["list"].headers["server-timing"])


def test_whoever_is_known_sees_balance_and_what_is_left(api: Api, settings: Settings) -> None:
    settings.API_SUBMITS_PER_MINUTE = settings.API_SUBMITS_PER_MINUTE_ACCOUNT = 60

    responses = [api.http.post(PATH, json={}) for _ in range(3)]

    for response in responses:
        assert response.headers["x-gigarouter-balance"] == "1"
        assert 1 <= int(response.headers["x-ratelimit-reset-requests"].rstrip("s")) <= 60
    remaining = [int(response.headers["x-ratelimit-remaining-requests"]) for response in responses]
    assert remaining[0] > remaining[2] or 59 in remaining[1:]  # a minute may end in between
    assert responses[2].headers["ratelimit"].startswith(f'"api";r={remaining[2]};t=')
    assert responses[2].headers["ratelimit-policy"] == '"fixed window";"api";q=60;w=60'


def test_every_answer_forbids_what_browsers_might_do_with_it(api: Api) -> None:
    for response in answers_of_all_kinds(api).values():
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert response.headers["cache-control"] == "no-store"
        assert "set-cookie" not in response.headers


def test_any_page_may_ask_but_brings_no_cookie(api: Api) -> None:
    preflight = api.client().options(
        PATH,
        headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, x-stainless-os",
        },
    )

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "x-stainless-os" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    assert "POST" in preflight.headers["access-control-allow-methods"]
    answer = api.http.get("/v1/models")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "x-request-id" in answer.headers["access-control-expose-headers"]


def test_options_without_a_preflight_is_another_verb(api: Api) -> None:
    refused(api.client().options(PATH), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic Zm9vOmJhcg==",
        "Bearer gr_live_" + "0" * 49,
        "Bearer \xff",
        "Token abc",
    ],
)
def test_all_bad_keys_look_alike(api: Api, header: str) -> None:
    response = api.client().get("/v1/account", headers={b"Authorization": header.encode("latin-1")})

    expected = api.client().get("/v1/account").json()["error"]
    error = refused(response, 401, "invalid_api_key")
    assert {**error, "request_id": ""} == {**expected, "request_id": ""}
    assert response.headers["www-authenticate"] == "Bearer"


def test_whoever_holds_an_expired_key_is_told_so(api: Api) -> None:
    _, key, secret = make_caller("expired@lab.example")
    ApiKey.objects.filter(pk=key.pk).update(
        expires_at=datetime(2026, 3, 5, 12, tzinfo=UTC), name="laptop"
    )

    refused = api.client(secret).get("/v1/models")

    assert refused.status_code == 401
    error = refused.json()["error"]
    assert error["code"] == "api_key_expired"
    assert "“laptop” expired on 5 March 2026" in error["message"]
    assert "/account/keys/" in error["message"]


def test_revoked_keys_and_inactive_people_look_alike(api: Api) -> None:
    _, key, revoked = make_caller("revoked@lab.example")
    keys.revoke(key)
    user, _, inactive = make_caller("inactive@lab.example")
    type(user).objects.filter(pk=user.pk).update(is_active=False)

    for secret in (revoked, inactive):
        refused(api.client(secret).get("/v1/account"), 401, "invalid_api_key")


def test_a_key_in_the_address_is_no_key(api: Api) -> None:
    for name in ("api_key", "key", "token", "access_token"):
        refused(api.client().get(f"/v1/account?{name}={api.secret}"), 401, "invalid_api_key")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"model": "a", "model": "b"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"\\ud800": 1}',
        b"\xff\xfe",
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" + b"[]," * 600_000 + b"1]",
        b"{} {}",
    ],
    ids=range(18),
)
def test_json_is_strict(api: Api, content: bytes) -> None:
    refused(post(api, content), 400, "invalid_json")


@pytest.mark.parametrize("content", [b"[]", b"null", b"3", b'"a"', b"{}"])
def test_a_body_must_be_an_object_with_a_model(api: Api, content: bytes) -> None:
    refused(post(api, content), 400, "invalid_request")


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "",
        "application/json; charset=latin-1",
        "application/x-www-form-urlencoded",
        "application/jsonx",
    ],
)
def test_the_content_type_is_strict(api: Api, kind: str) -> None:
    refused(post(api, b"{}", content_type=kind), 415, "unsupported_media_type")


def test_json_may_say_that_it_is_utf_8(api: Api) -> None:
    body = json.dumps({"model": api.card.repo, "input": "ein Kätzchen 🐈"}, ensure_ascii=False)

    response = post(api, body.encode(), content_type='application/json; charset="UTF-8"')

    assert response.status_code == 200


def test_a_body_that_is_too_large_is_413(api: Api, settings: Settings) -> None:
    settings.API_MAX_BODY_BYTES = 1000

    refused(post(api, b"x" * 1001), 413, "request_too_large")
    chunks = iter([b"x" * 600, b"x" * 600])
    chunked = api.http.post(PATH, content=chunks, headers={"content-type": "application/json"})
    refused(chunked, 413, "request_too_large")


def test_a_stranger_s_body_is_not_read(api: Api, settings: Settings) -> None:
    settings.API_MAX_BODY_BYTES = 1000

    response = api.client().post(PATH, content=b"x" * 5000)

    refused(response, 401, "invalid_api_key")


def test_a_body_that_drips_is_408(api: Api) -> None:
    dripping = BodyPace(build(), min_bytes_per_s=1000, window_s=0.05)  # type: ignore[arg-type]
    headers = {
        "host": "127.0.0.1",
        "authorization": f"Bearer {api.secret}",
        "content-type": "application/json",
        "content-length": "100",
    }

    status, body = ask(dripping, "POST", PATH, headers, body=[b"{"])

    assert status == 408
    assert json.loads(body)["error"]["code"] == "request_timeout"


@pytest.mark.parametrize("hosts", [[], ["elsewhere.example"], ["127.0.0.1", "127.0.0.1"]])
def test_a_host_that_is_missing_foreign_or_named_twice_is_400(api: Api, hosts: list[str]) -> None:
    status, body = ask(build(), "GET", "/v1/models", [("host", host) for host in hosts])  # type: ignore[arg-type]

    assert status == 400
    assert json.loads(body)["error"]["code"] == "invalid_host"


def test_pages_keep_their_own_limit(api: Api) -> None:
    response = api.client().post("/playground/", content=b"x" * (13 * 2**20))

    assert response.status_code == 413
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/v1x", "/v10/models", "/hf-inferences"])
def test_neighbouring_addresses_are_pages(api: Api, path: str) -> None:
    response = api.client().get(path)

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/nothing", "/v1//models", "/v1/%00", "/v1/%ff"]
)
def test_unknown_addresses_are_json(api: Api, path: str) -> None:
    response = api.client().get(path)

    assert response.status_code in {404, 405}
    assert response.json()["error"]["message"]


@pytest.mark.usefixtures("one_window")
def test_beyond_the_limit_a_minute_is_429(api: Api, settings: Settings) -> None:
    settings.API_SUBMITS_PER_MINUTE, settings.API_SUBMITS_PER_MINUTE_ACCOUNT = 2, 100

    responses = [api.http.post(PATH, json={}) for _ in range(3)]

    assert [response.status_code for response in responses] == [400, 400, 429]
    refused(responses[2], 429, "rate_limit_exceeded")
    assert 1 <= int(responses[2].headers["retry-after"]) <= 60
    assert responses[2].headers["x-ratelimit-remaining-requests"] == "0"
    assert responses[2].headers["ratelimit"].startswith('"api";r=0;t=')
    assert api.http.get("/v1/models").status_code == 200
    _, other = keys.issue(api.user, name="another")
    assert api.client(other).post(PATH, json={}).status_code == 400


@pytest.mark.usefixtures("one_window")
def test_keys_of_an_account_share_its_limit(api: Api, settings: Settings) -> None:
    settings.API_SUBMITS_PER_MINUTE, settings.API_SUBMITS_PER_MINUTE_ACCOUNT = 100, 1
    _, other = keys.issue(api.user, name="another")

    assert api.http.post(PATH, json={}).status_code == 400
    assert api.client(other).post(PATH, json={}).status_code == 429


def test_only_so_many_jobs_may_wait(api: Api, settings: Settings) -> None:
    settings.API_QUEUED_JOBS = 2
    api.worker.pause()

    responses = [
        api.http.post(
            PATH, json={"model": api.card.repo, "input": "a"}, headers={"Prefer": "respond-async"}
        )
        for _ in range(3)
    ]

    assert [response.status_code for response in responses] == [202, 202, 429]
    refused(responses[2], 429, "too_many_queued")


def test_a_cache_that_is_away_is_503(api: Api, settings: Settings) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"},
        "pages": settings.CACHES["pages"],
    }

    response = api.http.post(PATH, json={"model": api.card.repo, "input": "a"})

    refused(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) > 0


def test_what_breaks_is_json_too() -> None:
    router = APIRouter()
    router.add_api_route("/v1/broken", lambda: 1 / 0)
    dialects = [*DIALECTS, Dialect(router=router, bodies=[])]

    response = fresh_api.call(lambda http: http.get("/v1/broken"), dialects=dialects)

    refused(response, 500, "internal_error")
    assert "ZeroDivision" not in response.text


class FieldsOfLines(logging.Handler):
    """The fields that log lines carry, by the first word of each."""

    def __init__(self) -> None:
        super().__init__()
        self.by_word: dict[str, Mapping[str, str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.by_word[record.getMessage().split()[0]] = log_context.fields()


@pytest.fixture
def fields() -> Iterator[FieldsOfLines]:
    handler, logger = FieldsOfLines(), logging.getLogger("inference")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_log_lines_of_threads_carry_the_id_of_the_request(api: Api, fields: FieldsOfLines) -> None:
    response = api.http.post(PATH, json={"model": api.card.repo, "input": "a"})

    assert fields.by_word["call"]["request_id"] == response.headers["x-request-id"]


def test_in_production_the_api_speaks_https_only(api: Api, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 1000

    refused(api.http.get("/v1/models"), 403, "https_required")
    secure = api.http.get("/v1/models", headers={"X-Forwarded-Proto": "https"})
    assert secure.status_code == 200
    assert secure.headers["strict-transport-security"] == "max-age=1000"


def test_the_account_is_shown(api: Api) -> None:
    api.http.post(PATH, json={"model": api.card.repo, "input": [{"image": in_base64()}]})

    account = api.http.get("/v1/account").json()

    assert (account["available"], account["held"]) == ("0.999906", "0")
    [key] = account["keys"]
    assert (key["spent"], key["limit"]) == ("0.000094", None)
    assert api.secret not in str(account)
    assert api.client().get("/v1/account").status_code == 401
    assert api.http.post("/v1/account").status_code == 405
