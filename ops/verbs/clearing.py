"""`ledgerbank ledger clearing`: what is open between our books and outside banks, by its age.

Every amount is what the bank has beyond our books: minor units below, decimal text when printed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from ledger.money import EXPONENTS, decimal_text
from ops.databases import migrated_database
from ops.output import Output
from schema.postgres import connect

BUCKETS = {"under_1_day": 0, "from_1_day": 1, "from_3_days": 3, "from_7_days": 7}
"""Each bucket, and the age in whole days that it begins with."""
SHOWN = ("currency", "code", "kind", "items", *BUCKETS, "total")
ITEM = ("currency", "code", "kind", "days", "amount", "since", "id", "account_id")


@click.command
@click.option(
    "--currency", type=click.Choice(sorted(EXPONENTS)), metavar="CODE", help="Only this one."
)
@click.option("--items", is_flag=True, help="List every open item, oldest first.")
@click.pass_obj
def clearing(output: Output, currency: str | None, *, items: bool) -> None:
    """Age what is open on the clearing accounts: by code and kind, in days.

    Amounts are what the bank has beyond our books. `payments` were booked here and are not in
    the bank's history; `late` and `amount` were settled there otherwise than here; `balance` is
    what the newest balances differ by, whatever explains it.
    """
    settings = output.settings()
    with migrated_database(settings) as dsn, connect(dsn, "ledgerbank_app") as connection:
        found = connection.execute(OPEN, {"currency": currency}).fetchall()
    rows = [dict(zip(ITEM, row, strict=True)) for row in found]
    if items:
        printed = [{**row, "amount": decimal_text(row["amount"], row["currency"])} for row in rows]
        return output.table(printed, ITEM)
    return output.table(aged(rows), SHOWN)


def aged(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sum items up by code, kind and bucket."""
    sums: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in rows:
        key = (row["currency"], row["code"], row["kind"])
        counted = sums.setdefault(key, dict.fromkeys(("items", *BUCKETS, "total"), 0))
        counted["items"] += 1
        for name in (bucket_of(row["days"]), "total"):
            counted[name] += row["amount"]
    return [
        {
            "currency": currency,
            "code": code,
            "kind": kind,
            "items": counted.pop("items"),
            **{name: decimal_text(minor, currency) for name, minor in counted.items()},
        }
        for (currency, code, kind), counted in sorted(sums.items())
    ]


def bucket_of(days: int) -> str:
    """Return the bucket of an age."""
    return [name for name, begins in BUCKETS.items() if begins <= days][-1]


OPEN = """
WITH unmatched AS (
    SELECT p.currency, entry ->> 'account_code' AS code, 'payments' AS kind,
        p.posted_at AS since, p.id, p.user_bank_account_id AS account_id,
        CASE p.direction WHEN 'DEBIT' THEN p.amount ELSE -p.amount END AS amount
    FROM read.payments AS p
    JOIN read.postings AS posting ON posting.id = p.posting_id
    CROSS JOIN LATERAL jsonb_array_elements(posting.entries) AS entry
    WHERE p.status = 'COMPLETED' AND p.rail <> 'book'
        AND entry ->> 'account_code' LIKE 'clearing:%%'
        AND NOT EXISTS (
            SELECT FROM log.claims
            WHERE namespace = 'payment_external_id' AND holder = p.id::text
        )
), different AS (
    SELECT found.currency,
        'clearing:' || coalesce(bank.code, 'LEDGERBANK') || ':' || found.currency AS code,
        CASE found.kind WHEN 'LATE_SETTLEMENT' THEN 'late' WHEN 'AMOUNT_MISMATCH' THEN 'amount'
            ELSE 'balance' END AS kind,
        found.found_at AS since, found.id, found.account_id,
        CASE WHEN found.kind <> 'BALANCE' AND p.direction = 'DEBIT' THEN -1 ELSE 1 END
            * coalesce(found.difference, found.reported_amount) AS amount
    FROM read.reconciliation AS found
    LEFT JOIN read.payments AS p ON p.id = found.payment_id
    LEFT JOIN read.accounts AS account ON account.id = found.account_id
    LEFT JOIN read.connections AS connection ON connection.id = account.bank_connection_id
    LEFT JOIN read.banks AS bank ON bank.id = connection.bank_id
    WHERE found.status = 'OPEN' AND found.kind <> 'MISSING_AT_BANK'
)
SELECT currency, code, kind,
    floor(extract(epoch FROM clock_timestamp() - since::timestamptz) / 86400)::int AS days,
    amount::bigint, since, id::text, account_id::text
FROM (SELECT * FROM unmatched UNION ALL SELECT * FROM different) AS open
WHERE %(currency)s::text IS NULL OR currency = %(currency)s
ORDER BY since, id
"""
