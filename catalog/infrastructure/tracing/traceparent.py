"""W3C's `traceparent`: trace, span and whether it is sampled, in 55 characters.

    00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01

https://www.w3.org/TR/trace-context-2/#traceparent-header
"""

import re

from opentelemetry.trace import SpanContext, TraceFlags

FIELD = "traceparent"
# Versions to come may add parts; ff is none. All zeros are no id.
_PATTERN = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_MOST_CHARACTERS = 256
_KNOWN_FLAGS = TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID


def parse(text: str) -> SpanContext | None:
    """None: it is not valid, and stands for no span."""
    found = _PATTERN.fullmatch(text) if len(text) <= _MOST_CHARACTERS else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "00" and more:
        return None
    return SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16) & _KNOWN_FLAGS),
    )


def write(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
