"""One call is one trace: from the web process to the worker that computes and writes its answer."""

import secrets
from collections.abc import Iterator

import pytest

from config.watching.otlp import Export
from inference.models import Job
from tests.fakes.watching.collector import Collector, Span
from tests.inference.api.conftest import Api, data_url, eventually
from tests.support.site import free_port

CALLER = "00f067aa0ba902b7"
OF_A_JOB = {"job.store", "job.insert", "job.decode", "job.forward", "job.settle"}


def new_trace() -> str:
    return secrets.token_hex(16)


def traceparent(trace: str, *, flags: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{CALLER}-{flags}"}


def embed(api: Api, headers: dict[str, str], **more: object) -> int:
    body = {"model": api.card.repo, "input": data_url()} | more
    return api.http.post("/v1/embeddings?who=nobody", json=body, headers=headers).status_code


def all_of(collector: Collector, export: Export, trace: str, names: set[str]) -> dict[str, Span]:
    """The spans of a trace, as soon as they are there: an answer is sent before the last ends."""

    def has_come() -> bool:
        export.provider.force_flush()
        return names <= {span.name for span in collector.spans if span.trace == trace}

    eventually(has_come)
    return collector.spans_of(trace)


def test_a_call_is_one_trace_from_the_web_to_the_forward_pass(
    api: Api, collector: Collector, export: Export
) -> None:
    trace = new_trace()

    assert embed(api, traceparent(trace)) == 200

    spans = all_of(collector, export, trace, {"POST /v1/embeddings", *OF_A_JOB})
    request = spans["POST /v1/embeddings"]
    assert set(spans) == {"POST /v1/embeddings", *OF_A_JOB}
    assert request.parent == CALLER
    assert {spans[name].parent for name in OF_A_JOB} == {request.id}
    assert request.is_server
    assert not request.is_error
    assert request.is_at(Job.objects.get().traceparent)


def test_spans_say_what_was_done_and_how_it_ended(
    api: Api, collector: Collector, export: Export
) -> None:
    trace = new_trace()

    embed(api, traceparent(trace))

    spans = all_of(collector, export, trace, {"POST /v1/embeddings", *OF_A_JOB})
    request, forward = spans["POST /v1/embeddings"], spans["job.forward"]
    assert request.service == "gigarouter-test"
    request_id = f"req_{Job.objects.get().request_id.hex}"  # type: ignore[union-attr]
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/embeddings",
        "http.response.status_code": 200,
        "url.path": "/v1/embeddings",
        "gigarouter.request_id": request_id,
    }
    assert forward.attributes == {
        "gigarouter.jobs": 1,
        "gigarouter.images": 1,
        "gigarouter.model": api.card.repo,
        "gigarouter.worker": "w",
    }
    assert request.start_ns <= spans["job.decode"].end_ns <= forward.start_ns <= forward.end_ns


def test_spans_hold_nothing_that_a_caller_has_sent(
    api: Api, collector: Collector, export: Export
) -> None:
    trace = new_trace()

    embed(api, traceparent(trace), input="a very private text")

    all_of(collector, export, trace, {"POST /v1/embeddings", "job.settle"})
    sent = b"".join(collector.bodies)
    for private in (api.secret, "private", api.user.email, "who=", "nobody", "Bearer"):
        assert private.encode() not in sent


def test_what_is_computed_for_two_calls_at_once_is_in_both_traces(
    api: Api, collector: Collector, export: Export
) -> None:
    traces = [new_trace(), new_trace()]
    api.worker.pause()
    for trace, text in zip(traces, ("a cat", "a dog"), strict=True):
        headers = traceparent(trace) | {"Prefer": "respond-async"}
        assert embed(api, headers, input=text) == 202
    api.worker.resume()

    names = {"POST /v1/embeddings", "job.decode", "job.forward", "job.settle"}
    first, second = (all_of(collector, export, trace, names) for trace in traces)

    for name in ("job.decode", "job.forward", "job.settle"):
        assert first[name].attributes["gigarouter.jobs"] == 2
        assert (first[name].start_ns, first[name].end_ns) == (
            second[name].start_ns,
            second[name].end_ns,
        )
        assert first[name].parent == first["POST /v1/embeddings"].id
        assert second[name].parent == second["POST /v1/embeddings"].id


def test_a_call_that_its_caller_does_not_sample_has_no_span(
    api: Api, collector: Collector, export: Export
) -> None:
    unsampled, sampled = new_trace(), new_trace()

    assert embed(api, traceparent(unsampled, flags="00")) == 200
    assert embed(api, traceparent(sampled), input="another") == 200

    all_of(collector, export, sampled, {"POST /v1/embeddings", "job.settle"})
    assert unsampled not in {span.trace for span in collector.spans}
    [first, _] = Job.objects.order_by("created_at")
    # Nobody records it, and everybody who works on it knows that.
    assert first.traceparent.startswith(f"00-{unsampled}-")
    assert first.traceparent.endswith("-00")


@pytest.mark.parametrize(
    "header",
    ["", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "ff" + "-1" * 40, "00-xyz", "0" * 5000],
    ids=["none", "zeros", "version", "short", "long"],
)
def test_a_call_without_a_valid_traceparent_begins_a_trace(
    api: Api, collector: Collector, export: Export, header: str
) -> None:
    assert embed(api, {"traceparent": header} if header else {}) == 200

    trace = Job.objects.get().traceparent.split("-")[1]
    spans = all_of(collector, export, trace, {"POST /v1/embeddings", "job.settle"})
    assert spans["POST /v1/embeddings"].parent == ""


def test_a_call_is_answered_while_the_collector_hangs(
    api: Api, collector: Collector, export: Export
) -> None:
    collector.answering.clear()

    for text in ("one", "two", "three"):
        assert embed(api, traceparent(new_trace()), input=text) == 200

    assert collector.spans == []


@pytest.fixture
def nobody_listens() -> Iterator[Export]:
    export = Export(f"http://127.0.0.1:{free_port()}/v1/traces", service="test", version="1")
    yield export
    export.stop()


def test_a_call_is_answered_while_the_collector_is_away(api: Api, nobody_listens: Export) -> None:
    assert embed(api, traceparent(new_trace())) == 200


def test_without_a_collector_no_job_has_a_trace(api: Api) -> None:
    assert embed(api, traceparent(new_trace())) == 200

    assert Job.objects.get().traceparent == ""


# It is bounded to two seconds; without the bound OpenTelemetry's SDK waits for thirty.
@pytest.mark.timeout(25)
def test_a_collector_that_hangs_does_not_hold_up_the_end_of_a_process(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    collector.answering.clear()
    export = Export(collector.url, service="test", version="1")
    with export.provider.get_tracer("test").start_as_current_span("waiting"):
        pass

    export.stop()

    assert collector.spans == []
