"""Spans: how tracing sees requests. Who traces is known to whoever put this together."""

from typing import Any, Protocol

from api.asgi import Headers


class Span(Protocol):
    """One request that is traced; its ids are those of the server's own span."""

    trace_id: str
    span_id: str
    traceparent: str

    def answered(self, call: Any) -> None:
        """End with what came of the call."""


class Spans(Protocol):
    """Whoever traces requests; it never holds one up."""

    def begin(self, method: str, headers: Headers) -> Span:
        """Begin the span of a request, in the story its headers tell of."""
