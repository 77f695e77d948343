"""The tracing library, set up by the standard variables; a collector that is away harms nobody."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from typing_extensions import override

from api.seldom import Seldom
from ops import VERSION
from ops.settings import Settings
from ops.tracing.resource import attributes_of
from ops.tracing.tracer import Tracer
from ops.tracing.wanted import collector_of

STOP_SECONDS = 3.0
"""How long a process that ends may spend on sending its last spans."""
TOLD_SECONDS = 60.0
LIBRARY = "opentelemetry"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"
log = structlog.get_logger()


class Watched(SpanExporter):
    """Exports through another; says now and then that it does not work."""

    def __init__(self, inner: SpanExporter, collector: str) -> None:
        self.inner, self.collector = inner, collector
        self.seldom = Seldom(TOLD_SECONDS)
        self.lost = 0

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self.inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
            if self.seldom.due():
                log.warning("traces.not_exported", collector=self.collector, spans=self.lost)
                self.lost = 0
        return result

    @override
    def shutdown(self) -> None:
        self.inner.shutdown()


class NowAndThen(logging.Handler):
    """Tells what the library complains of once a minute, by its template: values stay unsaid.

    How exports fail is told by `Watched`, with what is worth knowing of it.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seldom: dict[str, Seldom] = {}

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(f"{LIBRARY}.exporter"):
            return
        said = str(record.msg)
        if times := self.seldom.setdefault(said, Seldom(TOLD_SECONDS)).due():
            log.warning("tracing.said", said=said, times=times)


@contextmanager
def exporting(settings: Settings, process: str) -> Iterator[Tracer]:
    """Give what makes spans; at the end those not sent yet are, for a bounded time."""
    hush()
    provider = provider_of(settings, process)
    log.info("tracing.started", collector=collector_of(settings))
    try:
        yield Tracer(provider.get_tracer("ledgerbank", VERSION))
    finally:
        last = Thread(target=provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(STOP_SECONDS)
        if last.is_alive():
            log.warning("traces.left_behind", collector=collector_of(settings))


def hush() -> None:
    """Have the library heard through `NowAndThen` alone."""
    library = logging.getLogger(LIBRARY)
    if not any(isinstance(each, NowAndThen) for each in library.handlers):
        library.addHandler(NowAndThen())
        library.propagate = False


def provider_of(settings: Settings, process: str) -> TracerProvider:
    """Return the library's provider: sampler, limits, batches and exporter as the variables say."""
    told = settings.telemetry
    protocol = next((told[name] for name in PROTOCOLS if name in told), SPOKEN)
    if protocol != SPOKEN:
        log.warning("tracing.protocol_not_spoken", wanted=protocol, spoken=SPOKEN)
    with standing_in_environment(told):
        provider = TracerProvider(
            resource=resource_of(attributes_of(settings, process)), shutdown_on_exit=False
        )
        exporter = Watched(OTLPSpanExporter(), collector_of(settings))
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def resource_of(ours: Mapping[str, str]) -> Resource:
    """Return our attributes with those that the standard variables tell, which win."""
    told = Resource.create()
    unnamed = str(told.attributes["service.name"]).startswith("unknown_service")
    theirs = {
        name: value
        for name, value in told.attributes.items()
        if not (unnamed and name == "service.name") and name != "service.instance.id"
    }
    return Resource({**ours, **theirs})


@contextmanager
def standing_in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let the library find its variables, which may be from a file, where it looks for them."""
    ours = {name: value for name, value in variables.items() if name.startswith("OTEL_")}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
