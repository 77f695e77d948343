"""The tracer: makes the spans of requests, attempts, calls, commands, appends and batches.

No span tells a path, a query, a person or a text: names and attributes are of few values.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue
from typing_extensions import override

from api.asgi import Headers
from api.call import CLIENT_GONE, UNMATCHED, Call
from api.spans import Span as RequestSpan
from api.spans import Spans as RequestSpans
from ledger.errors import Refused
from ops.tracing.stories import carried, remote, told_by, traceparent_of
from workers.banks.calls import Spoilt
from workers.jobs import Job
from workers.retries import Failed
from workers.spans import Outward, Spans
from workers.spans import Span as WorkSpan

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
BROKEN_FROM, REFUSED_FROM = 500, 400
LINKS_MAX = 100


class Request(RequestSpan):
    """The span of one request."""

    def __init__(self, span: Span) -> None:
        self.span = span
        found = span.get_span_context()
        self.trace_id = trace.format_trace_id(found.trace_id)
        self.span_id = trace.format_span_id(found.span_id)
        self.traceparent = traceparent_of(span)

    @override
    def answered(self, call: Call) -> None:
        span, status = self.span, call.status
        if span.is_recording():
            if call.route != UNMATCHED:
                span.update_name(f"{method_of(call.scope['method'])} {call.route}")
                span.set_attribute("http.route", call.route)
            if status != CLIENT_GONE:
                span.set_attribute("http.response.status_code", status)
            span.set_attribute("ledgerbank.correlation_id", call.ids.id)
            if call.reason is not None:
                span.set_attribute("ledgerbank.reason", call.reason.value)
            if status >= BROKEN_FROM:
                failed(span, str(status) if call.reason is None else call.reason.value)
        span.end()


class Work(WorkSpan):
    """The span of an attempt or of a call."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.headers = carried(span)
        self.traceparent = traceparent_of(span)
        found = span.get_span_context()
        self.ids = {
            "trace_id": trace.format_trace_id(found.trace_id),
            "span_id": trace.format_span_id(found.span_id),
        }

    @override
    def answered(self, status: int) -> None:
        self.span.set_attribute("http.response.status_code", status)
        if status >= REFUSED_FROM:
            failed(self.span, str(status))

    @override
    def ended(self, outcome: str, reason: str | None) -> None:
        self.span.set_attribute("ledgerbank.outcome", outcome)
        if reason is not None:
            failed(self.span, reason)


class Tracer(RequestSpans, Spans):
    """Makes the spans of one process by the library's tracer. Safe to share between threads."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self.tracer = tracer

    @override
    def begin(self, method: str, headers: Headers) -> Request:
        name = method_of(method)
        span = self.tracer.start_span(
            "HTTP" if name == "_OTHER" else name,
            context=told_by(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": name},
        )
        # Never detached: a request is a task of its own, and its context ends with it.
        context.attach(trace.set_span_in_context(span))
        return Request(span)

    @override
    @contextmanager
    def attempt(self, job: Job) -> Iterator[WorkSpan]:
        told: dict[str, AttributeValue] = {
            "messaging.system": "dramatiq",
            "messaging.operation.type": "process",
            "messaging.destination.name": job.queue,
            "messaging.message.id": job.id,
            "messaging.message.conversation_id": job.correlation_id,
            "ledgerbank.actor": job.actor,
            "ledgerbank.attempt": job.attempt,
        }
        with self.within(f"process {job.actor}", SpanKind.CONSUMER, job.traceparent, told) as span:
            yield Work(span)

    @override
    @contextmanager
    def call(self, call: Outward) -> Iterator[WorkSpan]:
        told = {
            "peer.service": call.peer,
            "ledgerbank.operation": call.operation,
            "server.address": call.host,
            "server.port": call.port,
            "http.request.method": call.method,
        }
        name = f"{call.peer} {call.operation}"
        here = context.get_current()
        with self.opened(name, SpanKind.CLIENT, here, known(told)) as span:
            yield Work(span)

    @contextmanager
    def within(
        self,
        name: str,
        kind: SpanKind,
        traceparent: str | None,
        told: Mapping[str, AttributeValue],
    ) -> Iterator[Span]:
        """Make a span in the story of a `traceparent`, if there is one."""
        with self.opened(name, kind, remote(traceparent), told) as span:
            yield span

    @contextmanager
    def linked(
        self, name: str, stories: Collection[str], told: Mapping[str, AttributeValue]
    ) -> Iterator[None]:
        """Make a span for what is done for several stories at once: within the only one, or linked.

        Stories that nobody samples get none.
        """
        sampled = [each for each in sorted(set(stories)) if each.endswith("1")]
        if stories and not sampled:
            yield
            return
        only = sampled[0] if len(sampled) == 1 else None
        links = [] if only else [trace.Link(context_of(each)) for each in sampled[:LINKS_MAX]]
        with self.opened(name, SpanKind.INTERNAL, remote(only), told, links):
            yield

    @contextmanager
    def opened(
        self,
        name: str,
        kind: SpanKind,
        under: context.Context,
        told: Mapping[str, AttributeValue],
        links: Collection[trace.Link] = (),
    ) -> Iterator[Span]:
        """Make a span for the length of the block; what the block raises is its failure."""
        with self.tracer.start_as_current_span(
            name,
            context=under,
            kind=kind,
            attributes=told,
            links=tuple(links),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as failure:
                if not said(span):
                    failed(span, why(failure))
                raise


def context_of(traceparent: str) -> trace.SpanContext:
    """Return the span that a `traceparent` names."""
    return trace.get_current_span(remote(traceparent)).get_span_context()


def known(told: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Leave out what is not known."""
    return {name: value for name, value in told.items() if value is not None}


def method_of(method: str) -> str:
    """Return a method by its name, or the standard's word for all others."""
    return method if method in METHODS else "_OTHER"


def said(span: Span) -> bool:
    """Say whether a span knows already that it failed."""
    status = getattr(span, "status", None)
    return status is not None and status.status_code is StatusCode.ERROR


def failed(span: Span, reason: str) -> None:
    """Note that a span failed, and by which of few words."""
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", reason)


def why(failure: BaseException) -> str:
    """Return what went wrong as one of few words; never what an exception says."""
    match failure:
        case Refused(reason=reason):
            return str(reason.value)
        case Failed(failure=inner):
            return inner.reason.value
        case Spoilt(failed=inner_failed):
            return inner_failed.failure.reason.value
        case _:
            return type(failure).__name__
