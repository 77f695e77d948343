"""Which story a request belongs to: correlation id, request id, trace context (http.md §1.7)."""

import re
from os import urandom

from api.asgi import Headers
from api.spans import Span

CORRELATION = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
REQUEST = re.compile(rb"[A-Za-z0-9._:-]{20,200}")
TRACEPARENT = re.compile(
    rb"(?!ff)(?:00|(?P<later>(?!00)[0-9a-f]{2}))-(?P<trace>(?!0{32})[0-9a-f]{32})"
    rb"-(?P<parent>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?(later)(?:-.*)?)"
)


class Correlation:
    """The ids of one request; `traceparent` is that of the server's own span."""

    __slots__ = ("id", "request_id", "span_id", "trace_id", "traceparent")

    def __init__(self, headers: Headers) -> None:
        fresh = urandom(56).hex()
        asked = headers.get(b"x-correlation-id", b"")
        self.id = asked.decode() if CORRELATION.fullmatch(asked) else "req_" + fresh[:32]
        request = headers.get(b"x-request-id", b"")
        self.request_id = request.decode() if REQUEST.fullmatch(request) else "req_" + fresh[32:64]
        self.span_id = fresh[64:80]
        caller = TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
        self.trace_id = caller["trace"].decode() if caller else fresh[80:]
        flags = "00" if caller and not int(caller["flags"], 16) & 1 else "01"
        self.traceparent = f"00-{self.trace_id}-{self.span_id}-{flags}"

    def follow(self, span: Span) -> None:
        """Take over the ids of the span that is exported for this request."""
        self.trace_id, self.span_id = span.trace_id, span.span_id
        self.traceparent = span.traceparent
