"""Two clocks, restatements and periods over HTTP (proof P-4, P-12)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.identity import new_id
from ledger.times import utc_text
from tests.api.money.house import ROBOT_READS, ROBOT_WRITES, House, transfer

BALANCE = "/api/ledger/trial-balance"
WHY = {"reason": "A statement came late"}
YEAR = iter(range(1990, 2020))
"""Each test restates and seals months of a year of its own."""


@pytest.fixture
def year() -> int:
    return next(YEAR)


def tomorrow() -> str:
    return utc_text(datetime.now(UTC) + timedelta(days=1))


def customers(house: House, **query: Any) -> Decimal:
    """Return the balance of all customers in TND, in whole units."""
    told = "&".join(f"{name}={value}" for name, value in {"currency": "TND", **query}.items())
    shown = house.data(house.audrey, f"{BALANCE}?{told}")
    rows = {row["code"]: row["balance"] for each in shown for row in each["rows"]}
    for each in shown:
        assert each["balanced"] is True
        assert sum(Decimal(row["balance"]) for row in each["rows"]) == 0
    return Decimal(rows.get("customers:TND", "0"))


def fx(house: House, amount: str, effective_at: str) -> dict[str, Any]:
    """Move money out of TND (into USD), counting from `effective_at`; that changes the balance."""
    source, destination = house.account(house.anna, 100_000, "TND"), house.account(house.anna, 0)
    pair = {"source_currency": "TND", "destination_currency": "USD", "source_amount": amount}
    quote = house.made(ROBOT_WRITES, "/api/fx/quotes", pair)
    asked = transfer(
        source, destination, amount, fx_quote_id=quote["id"], effective_at=effective_at
    )
    return dict(house.made(ROBOT_WRITES, "/api/transfers", asked))


def now_at_the_server(house: House) -> str:
    return str(house.ask(house.audrey, "GET", BALANCE).json()["timestamp"])


def test_what_was_believed_then_and_what_is_known_now(house: House, year: int) -> None:
    then, before = f"{year}-03-31T12:00:00Z", f"{year}-03-30T12:00:00Z"
    known_before = now_at_the_server(house)
    at_first, unread = customers(house, at=then, known_at=known_before), customers(house, at=then)
    booked = fx(house, "5.000", f"{year}-03-31T11:00:00+00:00")
    known_after = now_at_the_server(house)
    assert customers(house, at=then) == unread
    assert customers(house, at=then, known_at=known_before) == at_first
    assert customers(house, at=then, known_at=known_after) == at_first - 5
    earlier = customers(house, at=before, known_at=known_before)
    assert customers(house, at=before, known_at=known_after) == earlier
    assert customers(house, at=known_after, known_at=known_before) == customers(
        house, at=known_before
    )
    house.made(house.ada, f"/api/postings/{booked['posting_id']}/reverse", WHY)
    assert customers(house, at=then, known_at=now_at_the_server(house)) == at_first - 5
    assert customers(house, at=then, known_at=known_after) == at_first - 5


def test_a_reversal_may_count_from_then_too(house: House, year: int) -> None:
    then = f"{year}-03-31T12:00:00Z"
    booked = fx(house, "7.000", f"{year}-03-01T00:00:00Z")
    known = now_at_the_server(house)
    path = f"/api/postings/{booked['posting_id']}/reverse"
    house.made(house.ada, path, WHY | {"effective_at": f"{year}-03-02T00:00:00Z"})
    assert (
        customers(house, at=then, known_at=now_at_the_server(house))
        == customers(house, at=then, known_at=known) + 7
    )


def test_the_trial_balance_of_any_position_is_what_it_was_there(house: House) -> None:
    seen: list[tuple[int, Decimal, str]] = []
    for _ in range(3):
        house.account(house.anna, 1_234, "TND")
        answer = house.ask(house.audrey, "GET", f"{BALANCE}?currency=TND")
        rows = {row["code"]: row for row in answer.json()["data"][0]["rows"]}
        head = int(answer.headers["ledger-position"])
        seen.append((head, Decimal(rows["customers:TND"]["balance"]), answer.json()["timestamp"]))
    house.account(house.anna, 0, "TND")
    for head, balance, at in seen:
        assert customers(house, at_position=head) == balance
        assert customers(house, at=at) == balance
        inside = head - 1
        assert customers(house, at_position=inside) == balance - Decimal("1.234")
        shown = house.ask(house.audrey, "GET", f"{BALANCE}?at_position={inside}").json()
        assert shown["metadata"]["as_of"]["position"] < inside
    assert customers(house, at_position=0) == 0


def test_counting_by_marks_and_by_hand_agrees_everywhere(house: House) -> None:
    """Sum up the log itself, at positions around those where totals are kept."""
    [(head,)] = house.execute("SELECT position FROM log.head")
    house.books_balance()
    [(bulk,)] = house.execute("SELECT count(*) FROM read.trial_balance_marks")
    assert bulk > 0
    for position in {head, head - 1, head // 2, head // 3, *range(0, head, 1_000)}:
        shown = house.ask(house.audrey, "GET", f"{BALANCE}?at_position={position}").json()
        by_hand = house.execute(BY_HAND, shown["metadata"]["as_of"]["position"])
        told = {
            (row["code"], row["balance"])
            for currency in shown["data"]
            for row in currency["rows"]
            if Decimal(row["debit_total"]) or Decimal(row["credit_total"])
        }
        assert told == {(code, balance) for code, balance in by_hand}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("at=yesterday", "invalid_datetime_format"),
        ("at=2999-01-01T00:00:00Z", "invalid_datetime_format"),
        ("known_at=2999-01-01T00:00:00Z", "invalid_datetime_format"),
        ("at_position=-1", "invalid_position"),
        ("at_position=999999999999", "invalid_position"),
        ("at_position=1&at=2026-01-01T00:00:00Z", "unknown_parameter"),
        ("at_position=1&known_at=2026-01-01T00:00:00Z", "unknown_parameter"),
        ("currency=usd", "invalid_currency_format"),
        ("since=1", "unknown_parameter"),
    ],
)
def test_what_cannot_be_asked_of_the_past(house: House, query: str, reason: str) -> None:
    answer = house.ask(house.audrey, "GET", f"{BALANCE}?{query}")
    assert house.reason(answer) == (400, reason)


def test_who_may_back_date(house: House, year: int) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    dated = transfer(source, destination, "1.00", effective_at=f"{year}-03-01T00:00:00Z")
    refused = house.post(house.anna, "/api/transfers", dated)
    assert house.reason(refused) == (403, "insufficient_permissions")
    for caller in (house.ada, ROBOT_WRITES):
        assert house.post(caller, "/api/transfers", dated).status_code == 201
    ahead = house.post(house.ada, "/api/transfers", dated | {"effective_at": tomorrow()})
    assert house.reason(ahead) == (400, "invalid_datetime_format")
    items = [transfer(source, destination, "1.00"), dated]
    booked = house.made(house.ada, "/api/transfers/bulk", {"transfers": items})
    counted = [each["transfer"]["posting_id"] for each in booked["results"]]
    stored = "SELECT effective_at < recorded_at FROM log.events WHERE stream_id = %s"
    assert [house.execute(stored, f"posting-{each}")[0][0] for each in counted] == [False, True]


def test_restatements_list_what_counts_earlier_than_it_was_booked(house: House, year: int) -> None:
    first = fx(house, "1.000", f"{year}-03-05T10:00:00Z")
    second = fx(house, "2.000", f"{year}-04-05T10:00:00Z")

    def listed(begin: str, end: str, caller: str = house.audrey) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = house.data(
            caller, f"/api/reports/restatements?from={begin}&to={end}"
        )
        return found

    march = listed(f"{year}-03-01", f"{year}-03-31")
    assert [each["posting_id"] for each in march] == [first["posting_id"]]
    assert march[0]["kind"] == "FX"
    assert march[0]["period"] == f"{year}-03"
    assert march[0]["effective_at"] == f"{year}-03-05T10:00:00.000000Z"
    assert march[0]["booked_at"] > march[0]["effective_at"]
    assert len(march[0]["entries"]) == 4
    both = listed(f"{year}-03-05T10:00:00Z", f"{year}-04-05", ROBOT_READS)
    assert [each["posting_id"] for each in both] == [first["posting_id"], second["posting_id"]]
    for caller in (house.anna, ROBOT_WRITES):
        refused = house.ask(caller, "GET", "/api/reports/restatements")
        assert house.reason(refused) == (403, "insufficient_permissions")
    backwards = f"/api/reports/restatements?from={year}-03-02&to={year}-03-01"
    assert house.reason(house.ask(house.audrey, "GET", backwards)) == (400, "invalid_date_range")


def test_a_closed_month_is_sealed_with_what_is_known_about_it(house: House, year: int) -> None:
    month, inside = f"{year}-03", f"{year}-03-15T00:00:00Z"
    fx(house, "3.000", inside)
    answer = house.post(house.ada, f"/api/ledger/periods/{month}/close")
    assert answer.status_code == 200, answer.text
    sealed = answer.json()["data"]
    assert (sealed["period"], sealed["status"]) == (month, "CLOSED")
    assert (sealed["restatements"], len(sealed["digest"])) == (1, 64)
    then = f"{year}-03-31T23:59:59.999999Z"
    believed = customers(house, at=then, known_at=sealed["closed_at"])
    tnd = {each["code"]: each["balance"] for each in sealed["sums"] if each["currency"] == "TND"}
    assert Decimal(tnd["customers:TND"]) == believed
    assert sum(map(Decimal, tnd.values())) == 0
    assert sealed in house.data(ROBOT_READS, "/api/ledger/periods")
    twice = house.post(house.ada, f"/api/ledger/periods/{month}/close")
    assert house.reason(twice) == (409, "already_processed")


def test_a_closed_month_takes_nothing_more_until_it_is_reopened(house: House, year: int) -> None:
    month, inside = f"{year}-03", f"{year}-03-15T00:00:00Z"
    sealed = house.made(house.ada, f"/api/ledger/periods/{month}/close")
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    dated = transfer(source, destination, effective_at=inside)
    refused = house.post(house.ada, "/api/transfers", dated)
    assert house.reason(refused) == (422, "period_closed")
    assert refused.json()["details"]["period"] == month
    several = house.post(house.ada, "/api/transfers/bulk", {"transfers": [dated]})
    assert several.json()["errors"][0]["reason"] == "period_closed"
    done = house.made(house.ada, "/api/transfers", transfer(source, destination))
    path = f"/api/postings/{done['posting_id']}/reverse"
    undone = house.post(house.ada, path, WHY | {"effective_at": inside})
    assert house.reason(undone) == (422, "period_closed")
    reopened = house.made(house.ada, f"/api/ledger/periods/{month}/reopen", WHY)
    assert (reopened["status"], reopened["reason"]) == ("OPEN", WHY["reason"])
    assert reopened["digest"] == sealed["digest"]
    assert reopened in house.data(house.audrey, "/api/ledger/periods")
    assert house.post(house.ada, "/api/transfers", dated).status_code == 201
    again = house.made(house.ada, f"/api/ledger/periods/{month}/close")
    assert (again["status"], again["restatements"]) == ("CLOSED", 1)
    assert (again["reopened_at"], again["reason"]) == (None, None)


def test_what_cannot_be_closed(house: House) -> None:
    this_month = utc_text(datetime.now(UTC))[:7]
    early = house.post(house.ada, f"/api/ledger/periods/{this_month}/close")
    assert house.reason(early) == (400, "invalid_datetime_format")
    for crooked in ("2026-13", "2026", "0000-01", "9999-12"):
        answer = house.post(house.ada, f"/api/ledger/periods/{crooked}/close")
        assert house.reason(answer) == (400, "invalid_field_value")
    never = house.post(house.ada, "/api/ledger/periods/1985-01/reopen", WHY)
    assert house.reason(never) == (409, "already_processed")
    silent = house.post(house.ada, "/api/ledger/periods/1985-01/reopen", {})
    assert house.reason(silent) == (400, "missing_fields")
    for caller in (house.anna, house.sue, house.audrey, ROBOT_WRITES):
        refused = house.post(caller, "/api/ledger/periods/1985-01/close")
        assert house.reason(refused) == (403, "insufficient_permissions")


def test_a_key_closes_a_month_once(house: House, year: int) -> None:
    key, path = new_id(), f"/api/ledger/periods/{year}-01/close"
    first = house.post(house.ada, path, idempotency_key=key)
    again = house.post(house.ada, path, idempotency_key=key)
    assert (first.status_code, first.content) == (200, again.content)


def test_the_chart_tells_what_every_code_stands_for(house: House) -> None:
    house.account(house.anna)
    chart = {each["code"]: each for each in house.data(ROBOT_READS, "/api/ledger/chart")}
    assert chart["opening:USD"] == {
        "code": "opening:USD",
        "kind": "opening",
        "currency": "USD",
        "accounts": 1,
        "description": "Counterpart of opening balances.",
    }
    assert chart["customers:USD"]["accounts"] >= 1
    assert all(each["description"] for each in chart.values())
    refused = house.ask(house.anna, "GET", "/api/ledger/chart")
    assert house.reason(refused) == (403, "insufficient_permissions")


BY_HAND = """
SELECT coalesce(entry ->> 'account_code', 'customers:' || (entry ->> 'currency')) AS code,
    read.money(sum((entry ->> 'amount')::numeric), entry ->> 'currency')
FROM log.events,
    json_array_elements(convert_from(data, 'UTF8')::json -> 'data' -> 'entries') AS entry
WHERE name = 'PostingBooked' AND position <= %s
GROUP BY 1, entry ->> 'currency'
"""
