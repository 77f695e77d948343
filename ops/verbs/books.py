"""Verbs about the books: the invariants recomputed from the log, the trial balance."""

from collections import defaultdict
from typing import Any

import click
from psycopg import Connection

from ledger.events.recorded import EVENT_TYPES
from ledger.money import EXPONENTS, decimal_text
from ops.audits import Audit
from ops.databases import database
from ops.failures import CheckFailed
from ops.output import Bar, Output
from ops.readmodels import keks_of
from projections.catalogue import ALL
from projections.log import decode_lines, head_position, read_page
from projections.rebuild import Differs, verify
from schema.postgres import connect

PAGE_EVENTS = 20_000
CHECKED = "I-1 … I-9, I-13, I-16"


@click.group
def ledger() -> None:
    """Check and sum up the books."""


@ledger.command
@click.option("--no-read-models", is_flag=True, help="Leave out I-16, which takes longest.")
@click.pass_obj
def check(output: Output, *, no_read_models: bool) -> None:
    """Recompute the invariants from the log; exit 1 when one does not hold."""
    settings = output.settings()
    with database(settings) as dsn:
        with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
            with output.progress("audit") as bar:
                audit = audited(connection, bar)
        wrong = [f"{each.invariant} at position {each.position}: {each.says}"
                 for each in audit.findings]  # fmt: skip
        if not no_read_models:
            wrong += [str(each) for each in differing(dsn, output)]
    tell(output, audit, wrong)
    if wrong:
        raise CheckFailed


def audited(connection: Connection[Any], bar: Bar) -> Audit:
    """Fold the whole log."""
    audit, head = Audit(), head_position(connection)
    while audit.position < head:
        lines = read_page(connection, EVENT_TYPES, audit.position, PAGE_EVENTS, head)
        ends = command_ends(connection, audit.position, lines[-1][0])
        for logged in decode_lines(lines):
            audit.take(logged)
            if logged.position in ends:
                audit.end_command()
        bar.at(audit.position, head)
    audit.end()
    return audit


def command_ends(connection: Connection[Any], after: int, until: int) -> set[int]:
    """Return the positions at which a command ends."""
    return {row[0] for row in connection.execute(COMMAND_ENDS, (after, until))}


def differing(dsn: str, output: Output) -> list[Differs]:
    """I-16: fold every read model beside the live one, and compare."""
    keks, found = keks_of(output.settings()), []
    for projector in ALL:
        with output.progress(projector.name) as bar:
            try:
                verify(dsn, projector, keks, progress=lambda at, head, _, to=bar: to.at(at, head))
            except Differs as difference:
                found.append(difference)
    return found


def tell(output: Output, audit: Audit, wrong: list[str]) -> None:
    """Print the sums of every currency, and what is wrong."""
    by_currency: dict[str, list[str]] = defaultdict(list)
    for (currency, code), amount in sorted(audit.sums.items()):
        by_currency[currency].append(f"{code} {decimal_text(amount, currency)}")
    totals = dict(audit.totals())
    lines = [
        f"{currency}  {'   '.join(codes)}   sum {decimal_text(totals[currency], currency)}"
        for currency, codes in by_currency.items()
    ]
    verdict = [f"FAILED {each}" for each in wrong] or [f"invariants    ok  {CHECKED}"]
    value = {
        "position": audit.position,
        "sums": {f"{code}": amount for (_, code), amount in audit.sums.items()},
        "findings": wrong,
    }
    output.tell(value, f"events        {audit.position}", *lines, *verdict)


@ledger.command("trial-balance")
@click.option("--currency", type=click.Choice(sorted(EXPONENTS)), metavar="CODE")
@click.pass_obj
def trial_balance(output: Output, currency: str | None) -> None:
    """Print what each code holds; every currency sums to zero."""
    settings = output.settings()
    with database(settings) as dsn, connect(dsn, "ledgerbank_app") as connection:
        rows = connection.execute(TRIAL_BALANCE, (currency, currency)).fetchall()
    shown = [
        {
            "currency": of,
            "code": code,
            "debit_total": decimal_text(int(debit), of),
            "credit_total": decimal_text(int(credit), of),
            "balance": decimal_text(int(credit) - int(debit), of),
        }
        for of, code, debit, credit in rows
    ]
    output.table(shown, ("currency", "code", "debit_total", "credit_total", "balance"))
    totals: dict[str, int] = defaultdict(int)
    for of, _, debit, credit in rows:
        totals[of] += int(credit) - int(debit)
    if any(totals.values()):
        raise CheckFailed


COMMAND_ENDS = """
SELECT position FROM (
    SELECT position, command_id,
        lead(command_id) OVER (ORDER BY position) AS following
    FROM log.events WHERE position > %s AND position <= %s
) AS numbered
WHERE following IS DISTINCT FROM command_id
"""
TRIAL_BALANCE = """
SELECT currency, code, debit_total, credit_total FROM read.trial_balance
WHERE %s::text IS NULL OR currency = %s
ORDER BY currency, code
"""
