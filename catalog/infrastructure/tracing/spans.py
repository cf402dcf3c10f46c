"""Makes spans: of one request, or of work that is done for many at once."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    Tracer,
    set_span_in_context,
)

from catalog.infrastructure import log_context
from catalog.infrastructure.tracing import traceparent
from catalog.infrastructure.tracing.traceparent import FIELD

Attribute = str | int | float
_OFF = nullcontext()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """From now on, in this process; None: no spans are made."""
    global _tracer
    _tracer = tracer


def is_on() -> bool:
    return _tracer is not None


def current() -> str:
    """The traceparent of the request that this runs for; empty: none, or nobody wants traces."""
    return log_context.fields().get(FIELD, "") if _tracer else ""


def request_span(incoming: str) -> AbstractContextManager[Span]:
    """A request's span, the first of ours: in the caller's trace if its traceparent is valid.

    Only while is_on(). Its name is given once its route is known.
    """
    assert _tracer is not None, "request_span() is for while is_on()"  # noqa: S101
    return _running(_tracer, "request", traceparent.parse(incoming), SpanKind.SERVER, {})


def span(
    name: str, *, parent: str = "", kind: SpanKind = SpanKind.INTERNAL, **attributes: Attribute
) -> AbstractContextManager[object]:
    """A part of what runs here, or of `parent`; none where neither belongs to a trace."""
    if _tracer is None:
        return _OFF
    context = traceparent.parse(parent or current())
    return _running(_tracer, name, context, kind, _named(attributes)) if context else _OFF


def shared_span(
    name: str, parents: Iterable[str], **attributes: Attribute
) -> AbstractContextManager[None]:
    """Of work that is done once for many calls: each trace has a span of it, all of one length.

    `parents` are their traceparents; empty ones and doubles are passed over.
    """
    if _tracer is None:
        return _OFF
    contexts = [context for text in dict.fromkeys(parents) if (context := traceparent.parse(text))]
    return _shared(_tracer, name, contexts, _named(attributes)) if contexts else _OFF


@contextmanager
def _running(
    tracer: Tracer,
    name: str,
    parent: SpanContext | None,
    kind: SpanKind,
    attributes: Mapping[str, Attribute],
) -> Iterator[Span]:
    span = tracer.start_span(name, _context_of(parent), kind, attributes)
    with log_context.bound(**{FIELD: traceparent.write(span.get_span_context())}):
        try:
            yield span
        except Exception as error:
            _fail(span, error)
            raise
        finally:
            span.end()


@contextmanager
def _shared(
    tracer: Tracer,
    name: str,
    parents: Iterable[SpanContext],
    attributes: Mapping[str, Attribute],
) -> Iterator[None]:
    start_ns, failure = time.time_ns(), None
    try:
        yield
    except Exception as error:
        failure = error
        raise
    finally:
        end_ns = time.time_ns()
        for parent in parents:
            span = tracer.start_span(
                name, _context_of(parent), attributes=attributes, start_time=start_ns
            )
            if failure is not None:
                _fail(span, failure)
            span.end(end_ns)


def _context_of(parent: SpanContext | None) -> Context:
    # One of its own, never OpenTelemetry's current one: log_context is what is handed on.
    empty = Context()
    return set_span_in_context(NonRecordingSpan(parent), empty) if parent else empty


def _fail(span: Span, error: Exception) -> None:
    # Its type alone: a message may quote what somebody has sent.
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR)


def _named(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {f"gigarouter.{name}": value for name, value in attributes.items()}
