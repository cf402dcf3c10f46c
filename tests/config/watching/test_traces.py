"""Which requests, tasks and parts of them are spans, and what of them anybody may read."""

import asyncio
import secrets
from typing import Any, cast

import httpx
import pytest
from celery import current_app, shared_task
from django.http import HttpRequest, HttpResponse
from django.urls import path
from pytest_django import Settings

from catalog.infrastructure import broker, log_context, tracing
from config import access_log
from config.middleware.probes import PROBES
from config.watching import request_spans
from config.watching.otlp import Export
from tests.fakes.watching.collector import Collector, Span

# Whether static files were collected is not what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")


def get(address: str, **headers: str) -> httpx.Response:
    from config.asgi import application  # it reads the settings, which tests may change

    async def send() -> httpx.Response:
        # Our messages are dictionaries, httpx asks for an application that takes any mapping.
        transport = httpx.ASGITransport(cast("Any", application), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(address, headers=headers)

    return asyncio.run(send())


def sent(collector: Collector, export: Export) -> dict[str, Span]:
    export.provider.force_flush()
    by_name = {span.name: span for span in collector.spans}
    assert len(by_name) == len(collector.spans)
    return by_name


def note_field(request: HttpRequest, token: str = "") -> HttpResponse:
    with tracing.span("part", model="openai/clip"):
        return HttpResponse(tracing.current())


def broken(request: HttpRequest) -> HttpResponse:
    raise LookupError("typed-message")


urlpatterns = [
    path("waitlist/confirm/<str:token>/", note_field),
    path("field/", note_field),
    path("broken/", broken),
]


@pytest.fixture
def views(settings: Settings) -> None:
    access_log.secret_prefixes()  # they are found once, and are the site's
    settings.ROOT_URLCONF = __name__


@pytest.mark.usefixtures("views")
def test_a_part_of_a_view_is_a_child_of_its_request(collector: Collector, export: Export) -> None:
    response = get("/field/")

    spans = sent(collector, export)
    assert spans["part"].parent == spans["GET /field/"].id
    assert spans["part"].attributes == {"gigarouter.model": "openai/clip"}
    assert spans["part"].is_at(response.text)


@pytest.mark.usefixtures("views")
def test_neither_a_mailed_links_secret_nor_a_query_is_in_a_span(
    collector: Collector, export: Export
) -> None:
    get("/waitlist/confirm/token-secret/?email=typed", cookie="session=cookie-secret")

    [span] = [span for span in sent(collector, export).values() if span.is_server]
    assert span.name == "GET /waitlist/confirm/<str:token>/"
    assert span.attributes["url.path"] == "/waitlist/confirm/[redacted]"
    assert not [word for word in (b"secret", b"typed") if word in b"".join(collector.bodies)]


@pytest.mark.usefixtures("views")
def test_a_request_that_breaks_is_an_error(collector: Collector, export: Export) -> None:
    get("/broken/")

    span = sent(collector, export)["GET /broken/"]
    assert span.is_error
    assert span.attributes["http.response.status_code"] == 500
    assert b"typed-message" not in b"".join(collector.bodies)


def test_an_address_that_does_not_exist_names_no_span(collector: Collector, export: Export) -> None:
    get("/v1/whatever/somebody/types")

    span = sent(collector, export)["GET"]
    assert not span.is_error
    assert "http.route" not in span.attributes


@pytest.mark.parametrize("address", [*PROBES, "/metrics", "/static/no-such-file.css"])
def test_what_asks_all_the_time_begins_no_trace(
    collector: Collector, export: Export, address: str, db: None
) -> None:
    get(address)

    assert sent(collector, export) == {}


def test_two_traceparents_are_none(collector: Collector, export: Export) -> None:
    header = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01".encode()
    scope = {"path": "/", "headers": [(b"traceparent", header), (b"traceparent", header)]}

    with request_spans.begun(scope):
        assert header.decode()[:35] not in tracing.current()


@shared_task(name="tests.note_traceparent")
def note_traceparent() -> str:
    return tracing.current()


def test_a_task_goes_on_in_the_trace_of_the_request_that_sends_it(
    collector: Collector, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: messages.append(options))

    with tracing.request_span("") as span:
        span.update_name("request")
        broker.send("tests.note_traceparent")
        broker.send("tests.note_traceparent", is_wake=True)
    ran, woken = (note_traceparent.apply(headers=each["headers"]).get() for each in messages)

    spans = sent(collector, export)
    assert set(spans) == {"request", "task tests.note_traceparent"}
    task = spans["task tests.note_traceparent"]
    assert (task.trace, task.parent) == (spans["request"].trace, spans["request"].id)
    assert task.is_at(ran)
    assert woken == ""


def test_lines_of_the_log_say_to_which_span_they_belong(export: Export) -> None:
    with tracing.request_span(""):
        outer = log_context.fields()["traceparent"]
        with tracing.span("part"):
            inner = log_context.fields()["traceparent"]
        assert log_context.fields()["traceparent"] == outer

    assert "traceparent" not in log_context.fields()
    assert inner.split("-")[1] == outer.split("-")[1]
    assert inner != outer


def test_what_belongs_to_no_request_is_no_span(collector: Collector, export: Export) -> None:
    with tracing.span("housekeeping"), tracing.shared_span("batch", ["", "nonsense"]):
        assert tracing.current() == ""

    assert sent(collector, export) == {}


def test_work_that_fails_is_an_error_in_each_trace_without_its_words(
    collector: Collector, export: Export
) -> None:
    parents = [f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01" for _ in range(2)]

    with (
        pytest.raises(LookupError),
        tracing.shared_span("batch", [*parents, parents[0]], jobs=3),
    ):
        raise LookupError("typed-message")

    export.provider.force_flush()
    assert sorted(span.trace for span in collector.spans) == sorted(p[3:35] for p in parents)
    for span in collector.spans:
        assert span.is_error
        assert span.attributes == {"gigarouter.jobs": 3, "error.type": "LookupError"}
    assert b"typed-message" not in b"".join(collector.bodies)


def test_the_operators_sampler_decides_whatever_the_caller_says(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    export = Export(collector.url, service="test", version="1")

    with tracing.request_span(f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"):
        assert tracing.current().endswith("-00")
    export.stop()

    assert collector.spans == []


def test_the_operators_names_of_the_service_win(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "clip-in-frankfurt")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ours")
    export = Export(collector.url, service="web", version="1")

    with tracing.request_span(""):
        pass
    export.stop()

    [span] = collector.spans
    assert span.service == "clip-in-frankfurt"
    assert collector.headers["x-tenant"] == "ours"


def test_spans_that_wait_are_sent_at_the_end_of_the_process(
    collector: Collector, export: Export
) -> None:
    with tracing.request_span(""):
        pass

    export.stop()

    assert len(collector.spans) == 1
    assert not tracing.is_on()
