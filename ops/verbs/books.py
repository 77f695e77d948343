"""Verbs about the books: their invariants, the trial balance, periods, journals for others."""

import asyncio
from typing import Any

import click

from ledger.money import EXPONENTS, decimal_text
from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Output
from ops.verbs.checks import check
from ops.verbs.clearing import clearing
from ops.verbs.journals import export
from ops.verbs.moments import Moment
from ops.verbs.periods import close, reopen
from projections.trial_balance_past import moment_at, moment_of, totals_at
from schema.postgres import connect, open_pool

Row = tuple[Any, ...]


@click.group
def ledger() -> None:
    """Check, sum up, close and hand over the books."""


for verb in (check, clearing, export, close, reopen):
    ledger.add_command(verb)


@ledger.command("trial-balance")
@click.option(
    "--currency", type=click.Choice(sorted(EXPONENTS)), metavar="CODE", help="Only this one."
)
@click.option("--at", type=Moment(), help="As it was at a time or a position; else now.")
@click.pass_obj
def trial_balance(output: Output, currency: str | None, at: int | str | None) -> None:
    """Print what each code holds, or held then; exit 1 when a currency does not sum to zero."""
    settings = output.settings()
    with migrated_database(settings) as dsn:
        rows = rows_now(dsn, currency) if at is None else asyncio.run(rows_at(dsn, currency, at))
    shown, totals = [], dict.fromkeys((row[0] for row in rows), 0)
    for of, code, debit, credit in rows:
        shown.append({
            "currency": of,
            "code": code,
            "debit_total": decimal_text(int(debit), of),
            "credit_total": decimal_text(int(credit), of),
            "balance": decimal_text(int(credit - debit), of),
        })  # fmt: skip
        totals[of] += credit - debit
    output.table(shown, ("currency", "code", "debit_total", "credit_total", "balance"))
    if any(totals.values()):
        raise CheckFailed


def rows_now(dsn: str, currency: str | None) -> list[Row]:
    """Return currency, code, debits and credits of every code as they are."""
    with connect(dsn, "ledgerbank_app") as connection:
        return connection.execute(TRIAL_BALANCE, (currency, currency)).fetchall()


async def rows_at(dsn: str, currency: str | None, at: int | str) -> list[Row]:
    """Return the same as it was known at a moment. Refused: `invalid_position`."""
    async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
        if isinstance(at, str):
            moment = await moment_at(pool, at, at)
        else:
            moment, _ = await moment_of(pool, at)
        totals = (await totals_at(pool, moment)).values()
    found = [(each.currency, each.code, each.debit_total, each.credit_total) for each in totals]
    return sorted(row for row in found if currency in {None, row[0]})


TRIAL_BALANCE = """
SELECT currency, code, debit_total, credit_total FROM read.trial_balance
WHERE %s::text IS NULL OR currency = %s
ORDER BY currency, code
"""
