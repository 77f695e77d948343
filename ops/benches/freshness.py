"""Freshness: how long a query waits that must show a command acknowledged just before."""

import asyncio
from functools import partial

from ops.benches.deployment import Deployment
from ops.benches.figures import Figure, Goal, Result, figure
from ops.benches.scale import Scale
from ops.benches.serving import Served, serving
from ops.benches.windows import Series, Told, Window, interleaved

CONNECTIONS = (1, 16)
WARMING_SECONDS = 0.3
ACCOUNTS_EACH = 2


def measure_freshness(deployment: Deployment, scale: Scale, told: Told) -> Result:
    """Transfer and look, over HTTP, with the projections in a process of their own."""
    told("starting the API and the projections")
    people = max(CONNECTIONS)
    with (
        serving(deployment, "freshness", people, ACCOUNTS_EACH) as served,
        deployment.running(served.dsn, "ops", "project"),
    ):
        served.catch_up()
        served.load("freshness", WARMING_SECONDS, 1)
        calm: dict[str, list[Window]] = {case(number): [] for number in CONNECTIONS}
        looks = {
            case(number): partial(looked, served, scale, number, calm[case(number)])
            for number in CONNECTIONS
        }
        fresh = asyncio.run(interleaved(scale.rounds, looks, told))
    floors = {name: Series(tuple(windows)) for name, windows in calm.items()}
    return Result(tuple(figures(fresh, floors)), goals(fresh), (served.dsn,))


async def looked(served: Served, scale: Scale, connections: int, calm: list[Window]) -> Window:
    """Return the queries that had something to wait for; `calm` gets those that had not."""
    answers = served.load("freshness", scale.http_seconds, connections)
    waited, not_waited = (answers.latencies.get(name, []) for name in ("fresh", "calm"))
    calm.append(Window(len(not_waited), answers.seconds, 0.0, not_waited))
    return Window(len(waited), answers.seconds, 0.0, waited)


def case(connections: int) -> str:
    """Return the name of so many connections."""
    return f"{connections} connection{'s' if connections > 1 else ''}"


def figures(fresh: dict[str, Series], floors: dict[str, Series]) -> list[Figure]:
    """Return a line for both kinds of query at every number of connections."""
    found = []
    for name, series in fresh.items():
        note = "right after the acknowledgement; the balance is checked"
        found.append(figure("freshness", f"after a command, {name}", "queries", series, note=note))
        floor = floors[name]
        found.append(figure("freshness", f"floor: nothing new, {name}", "queries", floor))
    return found


def goals(fresh: dict[str, Series]) -> tuple[Goal, ...]:
    """Return how fresh a strong query should be."""
    waited = fresh[case(1)].percentile_ms(0.99)
    assert waited is not None, "somebody looked"
    return (Goal(what="p99 ms from acknowledged to shown", found=waited, most=25.0),)
