"""An account over time, over HTTP: its events, what made up its balance, its health today."""

from decimal import Decimal
from typing import Any

from ledger.identity import new_id
from tests.api.queries.town import Desk

DENIED = (403, "unauthorized_access")


def walked(desk: Desk, caller: str, path: str, limit: int, **query: str) -> list[dict[str, Any]]:
    """Return everything in a list, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        answer = desk.get(caller, path, limit=str(limit), **query)
        assert answer.status_code == 200, answer.text
        rows += answer.json()["data"]
        pagination = answer.json()["metadata"]["pagination"]
        if not pagination["has_more"]:
            return rows
        query["cursor"] = pagination["next_cursor"]


def test_an_owner_reads_the_history_of_an_account_in_order(desk: Desk) -> None:
    town = desk.town
    path = f"/api/accounts/{town.hers}/events"
    rows = walked(desk, town.anna, path, 4)
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows == walked(desk, town.anna, path, 100)
    assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)
    opened = rows[0]
    assert (opened["type"], opened["actor_role"]) == ("AccountOpened", None)
    assert opened["data"]["account_name"] == "Everyday"
    assert opened["data"]["user_id"] == town.anna
    newest = desk.data(town.anna, path, sort="position:desc", page_size="1")
    assert newest == rows[-1:]


def test_ids_of_others_are_left_out_for_an_owner_alone(own_desk: Desk) -> None:
    town = own_desk.town
    told = town.history
    stream = f"account-{town.hers}"
    for placed_by in (town.anna, town.ada):
        placed = told.placed(
            town.hers, new_id(), 5, placed_by=placed_by, destination_account_id=town.his
        )
        told.command((stream, placed))
    town.settle()
    path = f"/api/accounts/{town.hers}/events"
    for caller, seen in ((town.anna, False), (town.ada, True), (town.audrey, True)):
        by_her, by_staff = (row["data"] for row in walked(own_desk, caller, path, 100)[-2:])
        assert (by_her["placed_by"], by_her["destination_account_id"]) == (town.anna, town.his)
        assert ("destination_account_id" in by_staff) is seen
        assert ("placed_by" in by_staff) is seen
        assert by_staff["description"] == "Deposit for a car"
        assert by_staff["hold_id"]


def test_a_balance_is_explained_by_the_entries_that_made_it_up(desk: Desk) -> None:
    town = desk.town
    path = f"/api/accounts/{town.hers}/balance/explain"
    rows = walked(desk, town.anna, path, 3)
    assert rows == walked(desk, town.ada, path, 100)
    balance = desk.data(town.anna, f"/api/accounts/{town.hers}")["balance"]
    running = Decimal()
    for row in reversed(rows):
        running += Decimal(row["delta"])
        assert Decimal(row["balance_after"]) == running
    assert rows[0]["balance_after"] == str(running) == balance
    told = desk.get(town.anna, path, limit="1").json()["metadata"]
    assert (told["balance"], told["currency"]) == (balance, "USD")
    transfer = next(row for row in rows if row["transfer_id"] == town.transfers[0])
    assert (transfer["delta"], transfer["kind"]) == ("-1.00", "TRANSFER")
    assert transfer["actor"] == {"id": None, "role": None, "type": "system"}
    assert transfer["correlation_id"] == "req_test"
    payment = next(row for row in rows if row["payment_id"] == town.completed)
    assert (payment["delta"], payment["hold_id"]) == ("-7.00", town.completed)


def test_an_earlier_balance_is_explained_by_what_there_was(desk: Desk) -> None:
    town = desk.town
    path = f"/api/accounts/{town.hers}/balance/explain"
    fourth = walked(desk, town.anna, path, 100, sort="position:asc")[3]
    told = desk.get(town.anna, path, at=fourth["recorded_at"]).json()
    assert told["data"][0]["balance_after"] == told["metadata"]["balance"]
    earlier = desk.get(town.anna, path, at_position=str(fourth["position"] - 5)).json()
    assert len(earlier["data"]) < len(told["data"]) <= 4


def test_who_may_look_into_the_history(desk: Desk) -> None:
    town = desk.town
    for part in ("events", "balance/explain", "health"):
        path = f"/api/accounts/{town.hers}/{part}"
        for reader in (town.anna, town.sue, town.ada, town.audrey):
            assert desk.get(reader, path).status_code == 200
        assert desk.reason(town.boris, path) == DENIED
        assert desk.reason("service:accounts:read", path) == (403, "insufficient_permissions")
        unknown = path.replace(town.hers, "00000000-0000-7000-8000-000000000000")
        assert desk.reason(town.anna, unknown) == (404, "account_not_found")


def test_health_tells_what_is_left_of_the_day(own_desk: Desk) -> None:
    town = own_desk.town
    path = f"/api/accounts/{town.hers}/health"
    shown = own_desk.data(town.anna, path)
    assert shown == {
        "account_id": town.hers,
        "balance": "993.84",
        "status": "ACTIVE",
        "daily_limit": "1000.00",
        "daily_spent": "0.00",
        "daily_remaining": "1000.00",
        "daily_utilization_percent": 0,
        "single_limit": "10000.00",
        "is_healthy": True,
        "can_make_payments": True,
    }
    for spent, limit, remaining, percent, able in (
        (12_345, 30_000, "176.55", 41.15, True),
        (30_001, 30_000, "0.00", 100.0, False),
        (1, 0, "0.00", 0, False),
    ):
        town.execute(
            "UPDATE read.accounts SET spent_day = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'),"
            " spent = %s, daily_limit = %s WHERE id = %s",
            spent, limit, town.hers,
        )  # fmt: skip
        shown = own_desk.data(town.anna, path)
        told = shown["daily_remaining"], shown["daily_utilization_percent"]
        assert (*told, shown["can_make_payments"]) == (remaining, percent, able)
    town.execute("UPDATE read.accounts SET status = 'FROZEN' WHERE id = %s", town.hers)
    assert own_desk.data(town.anna, path)["is_healthy"] is False
    yen = own_desk.data(town.anna, f"/api/accounts/{town.savings}/health")
    assert (yen["balance"], yen["daily_remaining"]) == ("5000", "500")
