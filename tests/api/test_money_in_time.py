"""What time does to payments and holds, over HTTP on the real ledger (AC-49, 60, 61)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ledger.identity import new_id
from ledger.times import later
from ops.embedded.postgres import Place
from tests.api.counter import ROBOT, Counter, opened, told
from tests.api.queries.conftest import copied

SERVICE = f"service:{ROBOT}"


@pytest.fixture(scope="module")
def counter(postgres_server: Place, migrated: str) -> Iterator[Counter]:
    with copied(postgres_server, migrated) as database, opened(database, auto=True) as running:
        yield running


@pytest.fixture
def anna(counter: Counter) -> str:
    return counter.customer()


def test_the_daily_limit_is_passed_by_equality_and_restarts_at_midnight_utc(
    counter: Counter, anna: str
) -> None:
    counter.at("12:00:00.000000Z")
    account = counter.account(anna, 500_000)
    first, rest, more = (
        counter.payment(anna, account, amount) for amount in ("800.00", "200.00", "0.01")
    )
    assert counter.process(anna, first) == "PROCESSING"
    assert counter.process(anna, rest) == "PROCESSING"
    refused = counter.post(anna, f"/api/payments/{more}/process").json()
    assert refused["reason"] == "daily_limit_exceeded"
    assert refused["details"] == {
        "daily_limit": "1000.00",
        "daily_spent": "1000.00",
        "required": "0.01",
    }
    counter.at("23:59:59.999999Z")
    assert counter.process(anna, more) == "daily_limit_exceeded"
    counter.at("00:00:00.000000Z")
    assert counter.process(anna, more) == "PROCESSING"


def test_money_in_has_no_daily_limit_and_the_single_limit_is_passed_by_equality(
    counter: Counter, anna: str
) -> None:
    account = counter.account(anna)
    fields = {"direction": "CREDIT", "payment_type": "DEPOSIT"}
    payments = [counter.payment(anna, account, "800.00", **fields) for _ in range(2)]
    admin = f"admin:{new_id()}"
    assert [counter.process(admin, each) for each in payments] == ["PROCESSING", "PROCESSING"]
    body: dict[str, str] = {
        "amount": "800.01",
        "description": "more",
        "user_bank_account_id": account,
    } | fields
    assert told(counter.post(anna, "/api/payments", body)) == "amount_exceeds_limit"


def test_a_duplicate_is_one_while_the_other_is_on_its_way(counter: Counter, anna: str) -> None:
    account, other = counter.account(anna), counter.account(anna, currency="EUR")
    same, again, elsewhere = (
        counter.payment(anna, each, "5.00", description="lunch")
        for each in (account, account, other)
    )
    assert counter.process(anna, same) == "PROCESSING"
    assert counter.process(anna, again) == "duplicate_transaction"
    assert counter.process(anna, elsewhere) == "PROCESSING"
    edited = counter.ask(anna, "PUT", f"/api/payments/{again}", {"description": " Lunch "})
    assert edited.json()["data"]["description"] == "Lunch"
    assert counter.process(anna, again) == "PROCESSING"


def place(counter: Counter, caller: str, account: str, **fields: object) -> dict[str, object]:
    body = {"account_id": account, "amount": "600.00", "description": "a car"} | fields
    answer = counter.post(caller, "/api/holds", body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/holds/{answer.json()['data']['id']}"
    assert answer.headers["etag"] == '"1"'
    return dict(answer.json()["data"])


def test_a_hold_is_over_at_its_time_though_nobody_sweeps(counter: Counter, anna: str) -> None:
    account = counter.account(anna)
    hold = place(counter, anna, account, expires_in_seconds=60)
    assert hold["expires_at"] == later(counter.now, timedelta(seconds=60))
    payment = counter.payment(anna, account, "500.00")
    counter.pass_seconds(59)
    assert counter.process(anna, payment) == "insufficient_funds"
    counter.pass_seconds(1)
    assert counter.process(anna, payment) == "PROCESSING"
    events = counter.execute(NAMES, f"account-{account}")
    assert [name for (name,) in events][-4:] == [
        "HoldExpired", "DailyUsageChanged", "HoldPlaced", "DailyUsageChanged",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["capture", "release"])
def test_what_touches_a_hold_that_is_over_records_it_and_is_refused_for_ever(
    counter: Counter, anna: str, command: str
) -> None:
    account, other = counter.account(anna), counter.account(anna, 0)
    hold = place(counter, anna, account, destination_account_id=other)
    counter.pass_seconds(604_800)
    path = f"/api/holds/{hold['id']}/{command}"
    body: dict[str, str] | None = {} if command == "capture" else None
    first = counter.post(anna, path, body, idempotency_key=f"{command}-1")
    assert (first.status_code, told(first)) == (409, "hold_not_active")
    assert first.json()["details"] == {"status": "EXPIRED"}
    [(last, *_)] = counter.execute(LAST, f"account-{account}")
    assert last == "DailyUsageChanged"
    again = counter.post(anna, path, body, idempotency_key=f"{command}-1")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == first.content
    assert len(counter.execute(NAMES, f"account-{account}")) == 6
    stale = counter.post(anna, path, body, if_match='"1"')
    assert (stale.status_code, stale.json()["details"]) == (412, {"current_version": 2})


def test_a_hold_is_captured_in_parts_and_tells_what_was_booked(counter: Counter, anna: str) -> None:
    account, other = counter.account(anna), counter.account(counter.customer(), 0)
    hold = place(counter, anna, account, reference="INV-7")
    path = f"/api/holds/{hold['id']}/capture"
    part = {"amount": "250.00", "destination_account_id": other, "final": False}
    answer = counter.post(anna, path, part, if_match='"1"', idempotency_key="part")
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == '"2"'
    data = answer.json()["data"]
    assert (data["hold"]["captured_amount"], data["hold"]["remaining_amount"]) == (
        "250.00",
        "350.00",
    )
    posting = data["posting"]
    assert (posting["kind"], posting["hold_id"], posting["reference"]) == (
        "TRANSFER",
        hold["id"],
        "INV-7",
    )
    assert [
        (each["account_id"], each["amount"], each["direction"]) for each in posting["entries"]
    ] == [
        (account, "250.00", "DEBIT"),
        (other, "250.00", "CREDIT"),
    ]
    [(_, position, stream)] = counter.execute(BOOKED, f"posting-{posting['id']}")
    assert (posting["position"], f"posting-{posting['id']}") == (position, stream)
    assert counter.post(anna, path, part, if_match='"1"', idempotency_key="part").json() == (
        answer.json()
    )
    over = counter.post(anna, path, part | {"amount": "350.01"}).json()
    assert over["reason"] == "hold_amount_exceeded"
    assert over["details"] == {"remaining": "350.00", "required": "350.01"}
    missing = counter.post(anna, path, {})
    assert (missing.status_code, told(missing)) == (400, "missing_fields")
    rest = counter.post(anna, path, {"destination_account_id": other})
    assert told(rest) == "CAPTURED"
    assert rest.json()["data"]["posting"]["entries"][0]["amount"] == "350.00"
    assert told(counter.post(anna, f"/api/holds/{hold['id']}/release")) == "hold_not_active"


def test_a_service_holds_without_limits_and_its_texts_are_the_owners(
    counter: Counter, anna: str
) -> None:
    account = counter.account(anna)
    hold = place(counter, SERVICE, account, amount="900.00")
    assert (hold["placed_by"], hold["description"]) == (ROBOT, "a car")
    [(kid,)] = counter.execute(KID, f"account-{account}")
    assert counter.execute("SELECT subject FROM log.data_keys WHERE kid = %s", kid) == [
        (anna.partition(":")[2],)
    ]
    assert told(counter.post(anna, f"/api/holds/{hold['id']}/release")) == (
        "insufficient_permissions"
    )
    assert told(counter.post(SERVICE, f"/api/holds/{hold['id']}/release")) == "RELEASED"
    unknown = {"account_id": new_id(), "amount": "1.00", "description": "x"}
    assert told(counter.post(SERVICE, "/api/holds", unknown)) == "account_not_found"
    auditor = f"auditor:{new_id()}"
    assert told(counter.post(auditor, "/api/holds", unknown)) == "insufficient_permissions"


def test_texts_are_edited_until_a_payment_starts(counter: Counter, anna: str) -> None:
    payment = counter.payment(anna, counter.account(anna), processing="manual")
    path = f"/api/payments/{payment}"
    answer = counter.ask(anna, "PUT", path, {"reference": "INV-1"}, if_match='"1"')
    assert answer.headers["etag"] == '"2"'
    assert answer.json()["metadata"] == {"action": "updated"}
    assert answer.json()["data"]["reference"] == "INV-1"
    for body, reason in (
        ({}, "missing_fields"),
        ({"amount": "1.00"}, "unknown_field"),
        ({"description": ""}, "invalid_description_format"),
        ({"reference": "x" * 141}, "invalid_reference_format"),
    ):
        assert told(counter.ask(anna, "PUT", path, body)) == reason
    stale = counter.ask(anna, "PUT", path, {"reference": "INV-2"}, if_match='"1"')
    assert (stale.status_code, stale.json()["details"]) == (412, {"current_version": 2})
    stranger = counter.customer()
    assert told(counter.ask(stranger, "PUT", path, {"reference": "x"})) == (
        "insufficient_permissions"
    )
    assert counter.process(anna, payment) == "PROCESSING"
    assert told(counter.ask(anna, "PUT", path, {"reference": "x"})) == "already_processed"


def test_payments_start_by_themselves_where_that_is_the_default(
    counter: Counter, anna: str
) -> None:
    account = counter.account(anna)
    body = {
        "amount": "1.00",
        "direction": "DEBIT",
        "payment_type": "PAYMENT",
        "description": "x",
        "user_bank_account_id": account,
    }

    def processing(**fields: str) -> str:
        return str(counter.post(anna, "/api/payments", body | fields).json()["data"]["processing"])

    assert (processing(), processing(processing="manual")) == ("auto", "manual")


NAMES = "SELECT name FROM log.events WHERE stream_id = %s ORDER BY version"
LAST = "SELECT name FROM log.events WHERE stream_id = %s ORDER BY version DESC LIMIT 1"
BOOKED = "SELECT name, position, stream_id FROM log.events WHERE stream_id = %s"
KID = """
SELECT convert_from(data, 'UTF8')::jsonb #>> '{data,description,kid}' FROM log.events
WHERE stream_id = %s AND name = 'HoldPlaced'
"""
