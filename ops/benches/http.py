"""HTTP: requests per second of one API process, with tokens, keys and policies, durable."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from ops.benches.deployment import HOST, Child, Deployment, free_port
from ops.benches.figures import Figure, Goal, Result, figure
from ops.benches.load import Answers, Plan
from ops.benches.requests import BULK_TRANSFERS
from ops.benches.scale import Scale
from ops.benches.serving import Served, load, serving
from ops.benches.windows import Series, Told, Window, interleaved

BARE = "floor: bare ASGI application"
HEALTH, READING = "GET /api/health", "GET /api/accounts/{id}"
TRANSFERS, BUSY = "POST /api/transfers", "POST /api/transfers, projections on the same cores"
BULK = f"POST /api/transfers/bulk, {BULK_TRANSFERS:,} each"
BULK_CONNECTIONS = 3
"""One bulk is decided while another is committed and a third is on its way."""
WARMING_SECONDS = 1.0
ACCOUNTS_EACH = 2
"""Few enough for the API to remember all of them before it is measured."""
NOTES = {
    BARE: "same server, no routes, no log",
    READING: "strong: as fresh as every acknowledged command",
    TRANSFERS: "token, Idempotency-Key, policies; answer kept",
    BULK: "transfers/s; atomic, every transfer with its four events",
}


def measure_http(deployment: Deployment, scale: Scale, told: Told) -> Result:
    """Measure the cheapest route, a query and a command, each from another process."""
    told("starting the API")
    with serving(deployment, "http", scale.crowd, ACCOUNTS_EACH) as served:
        port = free_port()
        with (
            deployment.running(served.dsn, "ops", "project") as project,
            deployment.running(served.dsn, "ops.benches.bare", str(port)) as bare,
        ):
            bare.wait_for(f"http://{HOST}:{port}/")
            served.catch_up()
            bench = Loads(served, scale, project)
            bench.load("transferring", WARMING_SECONDS)
            measured: dict[str, Callable[[], Awaitable[Window]]] = {
                BARE: lambda: bench.bare(port, bare),
                HEALTH: bench.health,
                READING: bench.reading,
                TRANSFERS: bench.transfers,
                BUSY: bench.busy_transfers,
                BULK: bench.bulk,
            }
            series = asyncio.run(interleaved(scale.rounds, measured, told))
        return Result(figures(series), goals(series), (served.dsn,))


class Loads:
    """The loads that are put on the API process."""

    def __init__(self, served: Served, scale: Scale, project: Child) -> None:
        self.served, self.scale, self.project = served, scale, project

    def load(self, script: str, seconds: float) -> Window:
        """Let all clients follow `script`."""
        api = self.served.api
        before = api.cpu_seconds
        answers = self.served.load(script, seconds, self.scale.crowd)
        return window(answers, api.cpu_seconds - before)

    async def bare(self, port: int, bare: Child) -> Window:
        """Load the application that does nothing."""
        clients, before = self.served.clients, bare.cpu_seconds
        plan = Plan("health", port, self.scale.http_seconds, clients)
        answers = load(self.served.deployment, self.served.dsn, plan)
        return window(answers, bare.cpu_seconds - before)

    async def health(self) -> Window:
        """Load the cheapest route."""
        return self.load("health", self.scale.http_seconds)

    async def reading(self) -> Window:
        """Load a query, with nothing left to wait for."""
        self.served.catch_up()
        return self.load("reading", self.scale.http_seconds)

    async def transfers(self) -> Window:
        """Load the main command while the projections stand still."""
        self.project.measured.suspend()
        try:
            return self.load("transferring", self.scale.http_seconds)
        finally:
            self.project.measured.resume()

    async def bulk(self) -> Window:
        """Load many transfers per request while the projections stand still; count transfers."""
        api = self.served.api
        self.project.measured.suspend()
        try:
            before = api.cpu_seconds
            answers = self.served.load("bulk", self.scale.http_seconds, BULK_CONNECTIONS)
            each = window(answers, api.cpu_seconds - before)
        finally:
            self.project.measured.resume()
        return msgspec.structs.replace(each, done=each.done * BULK_TRANSFERS)

    async def busy_transfers(self) -> Window:
        """Load the main command while the projections follow."""
        self.served.catch_up()
        return self.load("transferring", self.scale.http_seconds)


def window(answers: Answers, cpu_seconds: float) -> Window:
    """Return what a load gave."""
    latencies = [each for series in answers.latencies.values() for each in series]
    return Window(len(latencies), answers.seconds, cpu_seconds, latencies)


def figures(series: dict[str, Series]) -> tuple[Figure, ...]:
    """Return a line for every load, compared with the server alone."""
    found = []
    for name, each in series.items():
        compared = name not in {BARE, BULK}
        ratios = {"bare": each.ratio(series[BARE])} if compared else {}
        note = NOTES.get(name, "")
        unit = "transfers" if name == BULK else "requests"
        found.append(figure("http", name, unit, each, ratios=ratios, note=note))
    return tuple(found)


def goals(series: dict[str, Series]) -> tuple[Goal, ...]:
    """Return what one API process should reach."""
    return (
        Goal(what="transfers/s over HTTP", found=series[TRANSFERS].rate, least=2_850.0),
        Goal(what="bulk transfers/s over HTTP", found=series[BULK].rate, least=10_100.0),
    )
