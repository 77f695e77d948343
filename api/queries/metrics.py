"""GET /api/metrics…: the counters of this process, for a Prometheus server to fetch."""

from hmac import compare_digest
from typing import Literal

import msgspec
from prometheus_client import generate_latest

from api.call import Call
from api.callers import ANYONE, bearer_token
from api.endpoint import Endpoint
from api.envelope import encoded, now_text
from api.negotiation import ANY_TYPE
from api.outside_meters import OutsideMeters
from api.probes import Check, Probes, judge
from api.reply import Bare, Reply
from api.work_meters import WorkMeters
from ledger.errors import Reason, Refused

EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"


class MetricsChecks(msgspec.Struct, frozen=True):
    """What the metrics stand on."""

    database: Check
    cache: Check


class MetricsHealth(msgspec.Struct, frozen=True):
    """Whether the metrics can be trusted."""

    status: Literal["healthy"]
    service: Literal["metrics"]
    timestamp: str
    prometheus: Literal["available"]
    checks: MetricsChecks


def check_token(call: Call) -> None:
    """Refuse a caller without the metrics token, when there is one."""
    token = call.edge.wire.metrics_token
    if token is None:
        return
    if not compare_digest(bearer_token(call.headers).encode(), token.encode()):
        raise Refused(Reason.INVALID_TOKEN)


async def show_metrics(call: Call) -> Bare:
    """Show every series of this process, and how far what is beside the log has come."""
    check_token(call)
    uses = call.edge.uses
    meters: list[WorkMeters | OutsideMeters] = [
        uses[kind] for kind in (WorkMeters, OutsideMeters) if kind in uses
    ]
    for each in meters:
        await each.look()
    return Bare(body=generate_latest(call.edge.meters.registry), content_type=EXPOSITION)


async def show_metrics_health(call: Call) -> Reply:
    """Say whether the metrics can be trusted."""
    check_token(call)
    probes = call.use(Probes)
    checks = MetricsChecks(**await judge(database=probes.database, cache=probes.broker))
    if "error" in {checks.database, checks.cache}:
        raise Refused(Reason.SERVICE_UNAVAILABLE)
    health = MetricsHealth("healthy", "metrics", now_text(), "available", checks)
    return Reply(data=encoded(health))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/metrics",
        handler=show_metrics,
        who=ANYONE,
        summary="Show the counters of this process",
        tag="metrics",
        enveloped=False,
        produces="text/plain",
        accepts=ANY_TYPE,
        limited=False,
        reasons=(Reason.INVALID_TOKEN,),
    ),
    Endpoint(
        method="GET",
        path="/api/metrics/health",
        handler=show_metrics_health,
        who=ANYONE,
        summary="Say whether the metrics can be trusted",
        tag="metrics",
        data=MetricsHealth,
        limited=False,
        reasons=(Reason.INVALID_TOKEN,),
    ),
)
