"""Verbs about periods: seal a month with its trial balance, reopen it with a reason."""

import asyncio

import click

from api.commands.periods import MONTH, TRIES, show_period
from api.fields import Faults, read_fields
from ledger.append.ports import Unavailable
from ledger.commands.asked import Loaded
from ledger.commands.command import Context
from ledger.commands.period import ClosePeriod, PeriodCommand, ReopenPeriod
from ledger.errors import Reason, Refused
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ops.composition import Books, open_books
from ops.databases import ready_database
from ops.output import Output
from ops.settings import Settings
from projections.period_sums import sums_of

PAUSE_SECONDS = 0.2


@click.command
@click.argument("period", metavar="YYYY-MM")
@click.pass_obj
def close(output: Output, period: str) -> None:
    """Seal a month that is over: nothing may count inside it any more."""
    month = month_of(period)
    settings = output.settings()
    with ready_database(settings) as dsn:
        tell(output, asyncio.run(seal(settings, dsn, month)))


@click.command
@click.argument("period", metavar="YYYY-MM")
@click.option("--reason", required=True, help="Why; kept for ever.")
@click.pass_obj
def reopen(output: Output, period: str, reason: str) -> None:
    """Let a sealed month be restated."""
    month = month_of(period)
    if not reason.strip():
        raise Refused(Reason.MISSING_FIELDS, field="reason")
    settings = output.settings()
    with ready_database(settings) as dsn:
        tell(output, asyncio.run(unseal(settings, dsn, month, reason.strip())))


def month_of(period: str) -> str:
    """Return a month that is one, or refuse."""
    faults = Faults()
    found = read_fields((MONTH,), {MONTH.name: period}, faults)
    faults.tell()
    return str(found[MONTH.name])


async def seal(settings: Settings, dsn: str, month: str) -> Loaded:
    """Seal a month; sums that are overtaken by a back-dated posting are taken again."""
    async with open_books(settings, dsn) as books:
        for _ in range(TRIES):
            taken = await sums_of(books.pool, month)
            command = ClosePeriod(
                period=month, position=taken.position, sums=taken.sums, seen=taken.seen
            )
            try:
                return await told(books, command)
            except Refused as refused:
                if refused.reason is not Reason.SERVICE_UNAVAILABLE:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
    raise Refused(Reason.PROJECTION_LAGGING, period=month)


async def unseal(settings: Settings, dsn: str, month: str, reason: str) -> Loaded:
    """Reopen a month."""
    async with open_books(settings, dsn) as books:
        return await told(books, ReopenPeriod(period=month, reason=reason))


async def told(books: Books, command: PeriodCommand) -> Loaded:
    """Carry out a command of the house itself; return what the period has become."""
    context = Context(actor=SYSTEM, correlation_id=f"req_{new_id()}")
    outcome = await books.ledger.handle(command, context)
    if outcome.result is None:
        raise Unavailable
    return outcome.result


def tell(output: Output, loaded: Loaded) -> None:
    """Print what a period has become."""
    shown = show_period(loaded, lambda _: None)
    sums = [f"{each.currency}  {each.code} {each.balance}" for each in shown.sums]
    lines = sums if shown.status == "CLOSED" else [f"reason        {shown.reason}"]
    verdict = f"{shown.period}       {shown.status}"
    output.tell(shown, *lines, f"digest        {shown.digest}", verdict)
