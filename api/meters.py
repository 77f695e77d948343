"""Counters of the edge (config.md §5): requests, their duration, refusals by reason."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.registry import Collector

from ledger.errors import Reason

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Labels = tuple[str, str, int]


class Meters:
    """Counts answers. Children are kept by label, so that counting one costs microseconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["method", "route", "status"]
        self.registry = registry
        self.requests = Counter(
            "ledgerbank_http_requests", "HTTP requests answered", labels, registry=registry
        )
        self.durations = Histogram(
            "ledgerbank_http_request_duration_seconds",
            "Time from the request line to the end of the answer",
            labels,
            registry=registry,
            buckets=SECONDS,
        )
        self.errors = Counter(
            "ledgerbank_errors", "Refusals by reason", ["category", "reason"], registry=registry
        )
        self.limited = Counter(
            "ledgerbank_rate_limited", "Requests over a rate limit", ["policy"], registry=registry
        )
        self.open_streams = Gauge(
            "ledgerbank_open_streams", "Streams that are open", ["kind"], registry=registry
        )
        self.children: dict[Labels, tuple[Counter, Histogram]] = {}

    def count(self, labels: Labels, seconds: float) -> None:
        """Count one answer."""
        children = self.children.get(labels)
        if children is None:
            words = tuple(map(str, labels))
            children = (self.requests.labels(*words), self.durations.labels(*words))
            self.children[labels] = children
        children[0].inc()
        children[1].observe(seconds)

    def count_refusal(self, reason: Reason) -> None:
        """Count one refusal."""
        self.errors.labels(reason.fact.category, reason).inc()

    def count_limited(self, policy: str) -> None:
        """Count one request that a rate limit refused."""
        self.limited.labels(policy).inc()

    def register(self, collector: Collector) -> None:
        """Add a collector of somebody else to what is exposed."""
        self.registry.register(collector)
