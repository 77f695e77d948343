"""`ledgerbank ledger clearing`: what is open between our books and a bank, as old as it is."""

import json

from ledger.identity import new_id
from tests.ops.cli.books import change, rows
from tests.ops.cli.shell import Shell

CODE = "clearing:DEMO_BANK_US:USD"
OUTSIDE = """
UPDATE read.payments SET posted_at = to_char(
    clock_timestamp() AT TIME ZONE 'UTC' - make_interval(hours => %s), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
) WHERE description = %s
"""
ANOTHER = """
INSERT INTO read.payments
SELECT (jsonb_populate_record(NULL::read.payments, to_jsonb(p) || %s::jsonb)).*
FROM read.payments AS p WHERE description = 'Grocery Shopping'
"""
FORGOTTEN = """
DELETE FROM log.claims
WHERE namespace = 'payment_external_id' AND key = 'sandbox/tx_alice_groceries'
"""
MATCHED = """
INSERT INTO log.claims (namespace, key, holder, position)
SELECT 'payment_external_id', 'sandbox/tx_1', id::text, 1 FROM read.payments
WHERE description = %s
"""
FOUND = """
INSERT INTO read.reconciliation (
    id, kind, account_id, payment_id, currency, ledger_amount, reported_amount, difference,
    status, found_at, version, inserted_at, updated_at
)
SELECT %s, %s, p.user_bank_account_id, p.id, p.currency, 500, 600, %s, %s,
    to_char(clock_timestamp() AT TIME ZONE 'UTC' - interval '80 h', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    1, '', ''
FROM read.payments AS p WHERE description = %s
"""


def test_nothing_is_open_in_the_demo(demo: Shell) -> None:
    assert demo("--json", "ledger", "clearing").json == []


def test_what_is_open_is_aged(demo: Shell) -> None:
    dsn = demo.environment["DATABASE_URL"]
    change(dsn, FORGOTTEN)
    for text, amount, direction in (("Restaurant", 4_550, "DEBIT"), ("Refund", 20_000, "CREDIT")):
        changes = {"id": new_id(), "description": text, "amount": amount, "direction": direction}
        change(dsn, ANOTHER, json.dumps(changes))
    for hours, text in ((23, "Grocery Shopping"), (49, "Restaurant"), (170, "Refund")):
        change(dsn, OUTSIDE, hours, text)
    found = demo("--json", "ledger", "clearing").json
    assert found == [
        {
            "currency": "USD", "code": CODE, "kind": "payments", "items": 3,
            "under_1_day": "100.00", "from_1_day": "45.50", "from_3_days": "0.00",
            "from_7_days": "-200.00", "total": "-54.50",
        }
    ]  # fmt: skip
    change(dsn, MATCHED, "Refund")
    [left] = demo("--json", "ledger", "clearing", "--currency", "USD").json
    assert (left["items"], left["total"]) == (2, "145.50")
    assert demo("--json", "ledger", "clearing", "--currency", "GBP").json == []
    items = demo("--json", "ledger", "clearing", "--items").json
    assert [(each["days"], each["amount"]) for each in items] == [(2, "45.50"), (0, "100.00")]
    known = {row[0] for row in rows(dsn, "SELECT id::text FROM read.payments")}
    assert {each["id"] for each in items} < known


def test_differences_stand_beside_what_may_explain_them(demo: Shell) -> None:
    dsn = demo.environment["DATABASE_URL"]
    for kind, difference, status in (
        ("BALANCE", 321, "OPEN"),
        ("AMOUNT_MISMATCH", 100, "OPEN"),
        ("LATE_SETTLEMENT", None, "OPEN"),
        ("MISSING_AT_BANK", None, "OPEN"),
        ("BALANCE", 999, "RESOLVED"),
    ):
        change(dsn, FOUND, new_id(), kind, difference, status, "Grocery Shopping")
    found = demo("--json", "ledger", "clearing").json
    told = {each["kind"]: (each["from_3_days"], each["total"]) for each in found}
    assert told == {
        "amount": ("-1.00", "-1.00"),
        "balance": ("3.21", "3.21"),
        "late": ("-6.00", "-6.00"),
    }
    assert {each["code"] for each in found} == {CODE}
    assert demo("ledger", "clearing").lines[0].split()[:3] == ["CURRENCY", "CODE", "KIND"]
