"""Sends spans to an OpenTelemetry collector, over OTLP by HTTP.

They wait in memory (2,048 at most) for a thread that sends them every few seconds: a collector that
is away or hangs holds up nobody, and costs the spans alone. What is sampled, in what batches, with
which headers: OpenTelemetry's own variables say, which its SDK reads.
"""

import os
import socket
import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from catalog.infrastructure import tracing

AT_EXIT_S = 2.0


class Export:
    """Spans go out from when it is made until it is stopped.

    Never the provider of all: libraries with spans of their own (FastAPI, redis) would
    find that one, and tell addresses and queries.
    """

    def __init__(self, url: str, *, service: str, version: str) -> None:
        self.provider = TracerProvider(
            resource=_resource(service, version),
            shutdown_on_exit=False,  # it may take half a minute
        )
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
        self._exiting, self._sent = threading.Event(), threading.Event()
        # Now: at exit no thread can be started any more.
        threading.Thread(target=self._shut_down, name="otlp-exit", daemon=True).start()
        tracing.use(self.provider.get_tracer("gigarouter", version))

    def stop(self) -> None:
        """Send what waits, for two seconds at most."""
        tracing.use(None)
        self._exiting.set()
        self._sent.wait(AT_EXIT_S)

    def _shut_down(self) -> None:
        self._exiting.wait()
        self.provider.shutdown()
        self._sent.set()


def _resource(service: str, version: str) -> Resource:
    ours = {
        "service.name": f"gigarouter-{service}",
        "service.namespace": "gigarouter",
        "service.version": version,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    # The operator's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    return Resource.create(ours).merge(OTELResourceDetector().detect())
