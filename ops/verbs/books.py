"""Verbs about the books: the invariants recomputed from the log, the trial balance."""

from collections import defaultdict
from typing import Any

import click
from psycopg import Connection

from ledger.events.recorded import EVENT_TYPES
from ledger.money import EXPONENTS, decimal_text
from ops.audits import CUSTOMERS, Audit, Finding
from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Bar, Output
from ops.readmodels import keks_of
from ops.settings import Settings
from ops.verbs.journals import export
from ops.verbs.periods import close, reopen
from projections.catalogue import ALL
from projections.log import Hole, Undecodable, decode_lines, head_position, read_page
from projections.projector import Poisoned
from projections.rebuild import Differs, verify
from schema.postgres import connect

PAGE_EVENTS = 20_000
FROM_THE_LOG, OF_READ_MODELS = "I-1 … I-8, I-13", "I-16"


@click.group
def ledger() -> None:
    """Check, sum up, close and hand over the books."""


ledger.add_command(export)


@ledger.command
@click.option("--no-read-models", is_flag=True, help="Leave out I-16, which takes longest.")
@click.pass_obj
def check(output: Output, *, no_read_models: bool) -> None:
    """Recompute the invariants from the log; exit 1 when one does not hold."""
    settings = output.settings()
    with migrated_database(settings) as dsn:
        with (
            connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection,
            output.progress("audit") as bar,
        ):
            audit = audited(connection, bar)
        compared = audit.whole and not no_read_models and compare(audit, settings, dsn, output)
    tell(output, audit, FROM_THE_LOG + (f", {OF_READ_MODELS}" if compared else ""))
    if audit.findings:
        raise CheckFailed


def audited(connection: Connection[Any], bar: Bar) -> Audit:
    """Fold the whole log, or as far as it can be read."""
    audit, head = Audit(), head_position(connection)
    try:
        while audit.position < head:
            fold_page(connection, audit, head)
            bar.at(audit.position, head)
        audit.end()
    except Hole as hole:
        audit.give_up(Finding("I-13", hole.position + 1, str(hole)))
    except Undecodable as event:
        audit.give_up(Finding("I-18", event.position, str(event)))
    return audit


def fold_page(connection: Connection[Any], audit: Audit, head: int) -> None:
    """Fold the next events, up to the end of a command. Raises `Hole`, `Undecodable`."""
    lines = read_page(connection, EVENT_TYPES, audit.position, PAGE_EVENTS, head)
    if not lines:
        raise Hole(audit.position)
    bounds = (audit.position, lines[-1][0])
    ends = {row[0] for row in connection.execute(COMMAND_ENDS, bounds)}
    for line in lines:
        if line[1] not in EVENT_TYPES:
            raise Undecodable(line[0], LookupError(f"nobody knows a {line[1]}"))
        for logged in decode_lines([line]):
            audit.take(logged)
        if audit.position in ends:
            audit.end_command()


def compare(audit: Audit, settings: Settings, dsn: str, output: Output) -> bool:
    """I-16: fold every read model beside the live one; return whether all could be compared."""
    compared = True
    for projector in ALL:
        with output.progress(projector.name) as bar:
            try:
                report = verify(dsn, projector, keks_of(settings), progress=bar.at)
                compared = compared and report.compared
            except (Differs, Poisoned) as wrong:
                audit.findings.append(Finding(OF_READ_MODELS, wrong.position, str(wrong)))
    return compared


def tell(output: Output, audit: Audit, checked: str) -> None:
    """Print the sums of every currency, and what is wrong."""
    books: dict[str, dict[str, str]] = defaultdict(dict)
    for currency, code in sorted(audit.sums, key=lambda key: (key[1] != CUSTOMERS, key)):
        books[currency][code] = decimal_text(audit.sums[currency, code], currency)
    totals = {currency: decimal_text(total, currency) for currency, total in audit.totals()}
    value = {
        "position": audit.position,
        "checked": checked,
        "sums": books,
        "totals": totals,
        "findings": audit.findings,
    }
    lines = [
        "   ".join([currency, *(f"{code} {amount}" for code, amount in books[currency].items()),
                    f"sum {total}"])
        for currency, total in totals.items()
    ]  # fmt: skip
    verdict = [f"FAILED {each.line()}" for each in audit.findings]
    verdict = verdict or [f"invariants    ok  {checked}"]
    output.tell(value, f"events        {audit.position}", *lines, *verdict)


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


ledger.add_command(close)
ledger.add_command(reopen)

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
