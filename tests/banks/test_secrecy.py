"""Tokens of a bank: renewed once whoever needs them, and to be found nowhere but sealed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger.identity import new_id
from ops.banking import ring_of
from tests.access.house import House
from tests.banks.outside import Outside

RACERS, PAYERS = 10, 5
NEARLY_OVER = """
UPDATE log.bank_tokens SET expires_at = to_char(
    clock_timestamp() AT TIME ZONE 'UTC' + interval '4 min', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
)
WHERE connection_id = %s RETURNING key_id
"""
KEPT = "SELECT key_id, access, refresh FROM log.bank_tokens WHERE connection_id = %s"
TABLES = """
SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables
WHERE schemaname IN ('log', 'read', 'work') ORDER BY 1
"""


def tokens_of(house: House, connection_id: str) -> set[str]:
    """Open the vault."""
    [(key_id, *sealed)] = house.rows(KEPT, connection_id)
    return {ring_of(house.settings).open(key_id, bytes(each), connection_id) for each in sealed}


def found_in_dump(house: House, secrets: set[str]) -> list[str]:
    """Return the tables in which a secret can be read, as text or as bytes."""
    found = []
    for (table,) in house.rows(TABLES):
        rows = "\n".join(each for (each,) in house.rows(f"SELECT t::text FROM {table} AS t"))
        found += [table for each in secrets if each in rows or each.encode().hex() in rows]
    return found


def test_whoever_needs_tokens_they_are_renewed_once_and_never_shown(
    house: House, outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    customer = outside.customer()
    connection_id = outside.connected(customer)
    account_id = outside.account(customer)["id"]
    secrets = tokens_of(house, connection_id)
    assert len(house.rows(NEARLY_OVER, connection_id)) == 1
    before = len(outside.sandbox.received("/oauth2/token"))
    path = f"/api/bank-connections/{connection_id}/sync"

    def sync(number: int) -> Any:
        return house.ask(customer.caller, "POST", path, server=number % 2)

    def pay(number: int) -> Any:
        asked = {
            "amount": f"1.0{number}",
            "direction": "DEBIT",
            "payment_type": "PAYMENT",
            "description": f"Rent {new_id()}",
            "user_bank_account_id": account_id,
        }
        made = house.data(customer.caller, "POST", "/api/payments", asked, server=number % 2)
        start = f"/api/payments/{made['id']}/process"
        return house.ask(
            customer.caller, "POST", start, server=number % 2, headers={"prefer": "wait=20"}
        )

    calls: list[tuple[Callable[[int], Any], int]] = [(sync, each) for each in range(RACERS)]
    calls += [(pay, each) for each in range(PAYERS)]
    with ThreadPoolExecutor(len(calls)) as racing:
        answers = list(racing.map(lambda call: call[0](call[1]), calls))
    jobs = {each.json()["data"]["job"]["id"] for each in answers[:RACERS]}
    assert len(jobs) == 1
    assert {each.json()["data"]["status"] for each in answers[RACERS:]} == {"COMPLETED"}
    over = "SELECT state FROM work.jobs WHERE id = %s"
    outside.until(lambda: house.rows(over, *jobs) == [("completed",)], "the sync")
    assert len(outside.sandbox.received("/oauth2/token")) == before + 1
    secrets |= tokens_of(house, connection_id)
    assert len(secrets) == 4
    said = capsys.readouterr()
    told = "".join(each.text for each in answers) + said.out + said.err
    assert [each for each in secrets if each in told] == []
    assert found_in_dump(house, secrets) == []
    assert outside.connection(customer, connection_id)["status"] == "ACTIVE"
