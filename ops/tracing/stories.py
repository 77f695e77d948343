"""Stories: the W3C trace context as it comes in, is kept with events and jobs, and goes on."""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, TraceState

from api.asgi import Headers
from api.correlation import TRACEPARENT

NOWHERE = Context()
SAMPLED = 1
TRACESTATE_CHARACTERS_MAX = 512


def told_by(headers: Headers) -> Context:
    """Return the context that the headers of a request continue; none when they are ill-formed."""
    sent = headers.get(b"traceparent")
    return NOWHERE if sent is None else read(sent, headers.get(b"tracestate", b""))


def remote(traceparent: str | None) -> Context:
    """Return the context that a kept `traceparent` stands for."""
    return NOWHERE if traceparent is None else read(traceparent.encode(), b"")


def read(traceparent: bytes, tracestate: bytes) -> Context:
    found = TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return NOWHERE
    flags = int(found["flags"], 16) & SAMPLED
    parent = SpanContext(
        trace_id=int(found["trace"], 16),
        span_id=int(found["parent"], 16),
        is_remote=True,
        trace_flags=TraceFlags(flags),
        trace_state=state_of(tracestate),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), NOWHERE)


def state_of(tracestate: bytes) -> TraceState | None:
    """Return the states of other tracing systems, unless there is too much of them."""
    if not tracestate or len(tracestate) > TRACESTATE_CHARACTERS_MAX:
        return None
    return TraceState.from_header([tracestate.decode("latin-1")])


def traceparent_of(span: Span) -> str:
    """Return the `traceparent` that names a span."""
    found = span.get_span_context()
    return (
        f"00-{trace.format_trace_id(found.trace_id)}-{trace.format_span_id(found.span_id)}"
        f"-{found.trace_flags & SAMPLED:02x}"
    )


def carried(span: Span) -> dict[str, str]:
    """Return the headers that carry the story of a span on."""
    state = span.get_span_context().trace_state.to_header()
    headers = {"traceparent": traceparent_of(span)}
    return headers | {"tracestate": state} if state else headers
