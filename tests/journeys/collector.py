"""A collector of traces: takes OTLP over HTTP and keeps every span with where it came from."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from typing_extensions import override

from tests.journeys.receiver import answering

KINDS = Span.SpanKind.Name


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One span as it was exported, and the resource it came from."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    failed: bool
    facts: dict[str, Any]
    links: tuple[str, ...]
    resource: dict[str, Any]

    @property
    def process(self) -> str:
        return str(self.resource["ledgerbank.process"])


class Collector:
    """Listens on a port of its own; `raw` is all it was sent."""

    def __init__(self) -> None:
        self.spans: list[Told] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            """Takes in spans."""

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the library's name
                body = self.rfile.read(int(self.headers["content-length"]))
                sent = ExportTraceServiceRequest.FromString(body)
                collector.raw.append(body)
                collector.headers.append({n.lower(): v for n, v in self.headers.items()})
                collector.spans += list(spans_of(sent))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            @override
            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def of(self, trace: str) -> list[Told]:
        """Return the spans of one trace, so far."""
        return [each for each in self.spans if each.trace == trace]


def spans_of(sent: ExportTraceServiceRequest) -> Iterator[Told]:
    for group in sent.resource_spans:
        resource = plain(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Told(
                    name=span.name,
                    kind=KINDS(span.kind).removeprefix("SPAN_KIND_"),
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    failed=span.status.code == Status.STATUS_CODE_ERROR,
                    facts=plain(span.attributes),
                    links=tuple(link.trace_id.hex() for link in span.links),
                    resource=resource,
                )


def plain(attributes: Any) -> dict[str, Any]:
    """Return attributes by name; of lists only that they are."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    with answering(collector.server):
        yield collector
