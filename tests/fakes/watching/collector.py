"""An OpenTelemetry collector: takes what OTLP says over HTTP, and keeps its spans.

with collecting() as collector:
    ...
    collector.spans_of(trace_id)      # {"POST /v1/rerank": Span, "job.forward": Span}
"""

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from config.watching.otlp import Export
from tests.support.http.local_server import listening

PATH = "/v1/traces"


@dataclass(frozen=True)
class Span:
    """Ids are in hex; an empty `parent` is none. `service` is the process that has made it."""

    name: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str | int]
    is_error: bool
    is_server: bool
    service: str

    def is_at(self, traceparent: str) -> bool:
        """Whether this is the span that it names; of its flags only one counts: it is sampled."""
        version, trace, span, flags = traceparent.split("-")
        return (version, trace, span) == ("00", self.trace, self.id) and int(flags, 16) & 1 == 1


@dataclass
class Collector:
    """`bodies` are as they came, for whoever looks for what must not be in them."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    answering: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.answering.set()

    def spans_of(self, trace: str) -> dict[str, Span]:
        """By their names, each of which must be there once."""
        spans = [span for span in self.spans if span.trace == trace]
        by_name = {span.name: span for span in spans}
        assert len(by_name) == len(spans), sorted(span.name for span in spans)
        return by_name

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        self.bodies.append(body)
        for resource in request.resource_spans:
            service = str(_attributes(resource.resource.attributes)["service.name"])
            for scope in resource.scope_spans:
                self.spans += [_span_of(span, service) for span in scope.spans]


def _span_of(span: Message, service: str) -> Span:
    return Span(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _attributes(span.attributes),
        span.status.code == 2,
        span.kind == Message.SPAN_KIND_SERVER,
        service,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, str | int]:
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in pairs}


class _Handler(BaseHTTPRequestHandler):
    hub: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.hub.answering.wait(30)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        is_known = self.path == PATH and self.headers["Content-Type"] == "application/x-protobuf"
        if is_known:
            self.hub.headers = dict(self.headers)
            self.hub.take(body)
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with listening(_Handler, collector) as address:
        collector.url = f"{address}{PATH}"
        yield collector
        collector.answering.set()


@pytest.fixture
def export(collector: Collector) -> Iterator[Export]:
    """While it lasts spans go to the collector; `export.provider.force_flush()` sends them now."""
    export = Export(collector.url, service="test", version="1.2")
    yield export
    collector.answering.set()
    export.stop()
