"""Append: transfers per second inside one process, durable, beside two floors.

A transfer between accounts of one owner is four events: TransferBooked, PostingBooked,
AccountDebited, AccountCredited.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import uvloop

from api.commands.transfers import show_transfer
from api.envelope import encoded
from ledger.commands.asked import Answer, Asked, Idempotency, Loaded, Reveal
from ledger.commands.transfer import MakeTransfer
from ops.benches.deployment import Deployment
from ops.benches.figures import Figure, Goal, Result, figure
from ops.benches.floors import RawInserts
from ops.benches.scale import Scale
from ops.benches.stock import StockSaves
from ops.benches.town import Payers, Town
from ops.benches.windows import Callers, Series, Told, Window, interleaved
from ops.composition import open_books
from ops.settings import Settings

EVENTS_EACH = 4
RAW, STOCK = "raw insert", "stock save"
WARMING_SECONDS = 0.3
CREATED = 201

Measured = dict[str, Callable[[], Awaitable[Window]]]


def measure_append(deployment: Deployment, scale: Scale, told: Told) -> Result:
    """Measure transfers on many and on two accounts, at every number of callers."""
    dsn = deployment.database("append")
    series = uvloop.run(measured(deployment.settings(dsn), dsn, scale, told))
    return Result(figures(series, scale), goals(series, scale), (dsn,))


async def measured(settings: Settings, dsn: str, scale: Scale, told: Told) -> dict[str, Series]:
    """Measure everything in turn, on one loop, one ledger and one database."""
    async with open_books(settings, dsn) as books, floors(dsn, scale) as (raw, stock):
        town = Town(books.ledger, settings.core.index_key, "not a password")
        uniform = Payers(books.ledger, await town.people(scale.owners, scale.accounts_each))
        hot = Payers(books.ledger, await town.people(1, 2))
        keyed = Payers(books.ledger, uniform.owners, as_over_http)
        seconds = scale.append_seconds
        crowd = Callers(scale.crowd, seconds)
        await Callers(scale.crowd, WARMING_SECONDS).measure(uniform.pay)
        windows: Measured = {
            many(number): partial(Callers(number, seconds).measure, uniform.pay)
            for number in scale.callers
        }
        windows |= {
            hot_name(scale): partial(crowd.measure, hot.pay),
            keyed_name(scale): partial(crowd.measure, keyed.pay),
            RAW: partial(crowd.measure, raw.insert),
            STOCK: partial(stock.measure, seconds),
        }
        return await interleaved(scale.rounds, windows, told)


@asynccontextmanager
async def floors(dsn: str, scale: Scale) -> AsyncIterator[tuple[RawInserts, StockSaves]]:
    """Prepare what the append is compared with."""
    raw, stock = RawInserts(dsn, scale.crowd), StockSaves(dsn, scale.crowd)
    await raw.open()
    try:
        yield raw, stock
    finally:
        await raw.close()
        stock.close()


def as_over_http(command: MakeTransfer) -> Asked:
    """Ask with a key and keep the rendered answer, as every request over HTTP does."""
    return Asked(
        idempotency=Idempotency("user:bench", command.transfer_id, b"\0" * 32), render=rendered
    )


def rendered(loaded: Loaded, reveal: Reveal) -> Answer:
    """Render a transfer as its route does."""
    return Answer(CREATED, encoded(show_transfer(loaded, reveal)))


def many(callers: int) -> str:
    """Return the name of transfers between the accounts of many."""
    return f"uniform, {callers} callers"


def hot_name(scale: Scale) -> str:
    """Return the name of transfers between two accounts."""
    return f"2 accounts, {scale.crowd} callers"


def keyed_name(scale: Scale) -> str:
    """Return the name of transfers whose answers are kept."""
    return f"uniform, {scale.crowd} callers, answers kept"


def figures(series: dict[str, Series], scale: Scale) -> tuple[Figure, ...]:
    """Return a line for everything measured; transfers are compared with both floors."""
    floor_notes = {
        RAW: f"one INSERT per commit, {scale.crowd} connections, same driver",
        STOCK: f"the library's Application.save, one event, {scale.crowd} threads",
    }
    found = []
    for name, each in series.items():
        if name in floor_notes:
            note = floor_notes[name]
            found.append(figure("append", f"floor: {name}", "commits", each, note=note))
            continue
        ratios = {floor: each.ratio(series[floor]) for floor in floor_notes}
        note = f"{each.rate * EVENTS_EACH:,.0f} events/s, {each.cpu_us / EVENTS_EACH:.0f} µs each"
        found.append(figure("append", name, "transfers", each, ratios=ratios, note=note))
    return tuple(found)


def goals(series: dict[str, Series], scale: Scale) -> tuple[Goal, ...]:
    """Return what the append should reach."""
    uniform = series[many(scale.crowd)]
    hot = series[hot_name(scale)]
    return (
        Goal(what="transfers ÷ raw insert", found=uniform.ratio(series[RAW]), least=1.0),
        Goal(what="transfers ÷ stock save", found=uniform.ratio(series[STOCK]), least=10.0),
        Goal(what="2 accounts ÷ uniform", found=hot.ratio(uniform), least=0.9),
    )
