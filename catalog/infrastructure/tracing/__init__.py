"""Spans of a call on its way through the processes, where the operator has asked for them.

    with tracing.span("job.submit", model=card.repo):           # of the request that runs here
        ...
    with tracing.shared_span("job.decode", [job.traceparent for job in batch], jobs=len(batch)):
        ...                                                     # of all calls that it is done for

A trace begins with a request and goes on in what is done for it; housekeeping has none. What runs
here belongs to the field `traceparent` of log_context, which threads and tasks hand on with the
others, so lines of the log carry it, too. config.watching.otlp says where spans go. Until it does,
`span` costs a look at a variable.
"""

from catalog.infrastructure.tracing.spans import (
    current,
    is_on,
    request_span,
    shared_span,
    span,
    use,
)

__all__ = ["current", "is_on", "request_span", "shared_span", "span", "use"]
