"""Verbs about the books: their invariants, the trial balance, periods, journals for others."""

import click

from ledger.money import EXPONENTS, decimal_text
from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Output
from ops.verbs.checks import check
from ops.verbs.clearing import clearing
from ops.verbs.journals import export
from ops.verbs.periods import close, reopen
from schema.postgres import connect


@click.group
def ledger() -> None:
    """Check, sum up, close and hand over the books."""


for verb in (check, clearing, export, close, reopen):
    ledger.add_command(verb)


@ledger.command("trial-balance")
@click.option(
    "--currency", type=click.Choice(sorted(EXPONENTS)), metavar="CODE", help="Only this one."
)
@click.pass_obj
def trial_balance(output: Output, currency: str | None) -> None:
    """Print what each code holds; exit 1 when a currency does not sum to zero."""
    settings = output.settings()
    with migrated_database(settings) as dsn, connect(dsn, "ledgerbank_app") as connection:
        rows = connection.execute(TRIAL_BALANCE, (currency, currency)).fetchall()
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


TRIAL_BALANCE = """
SELECT currency, code, debit_total, credit_total FROM read.trial_balance
WHERE %s::text IS NULL OR currency = %s
ORDER BY currency, code
"""
