"""Bulk transfers over HTTP: all or none, or each for itself; never twice (AC-48)."""

from typing import Any

from ledger.identity import new_id
from tests.api.money.house import ROBOT_READS, ROBOT_WRITES, House, transfer

BULK = "/api/transfers/bulk"


def bulk(*each: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"transfers": list(each), **fields}


def test_a_thousand_at_once_are_a_thousand_postings(house: House) -> None:
    source, destination = house.account(house.anna, 10_000_000), house.account(house.boris, 0)
    body = bulk(*(transfer(source, destination, "1.00") for _ in range(1_000)))
    answer = house.post(ROBOT_WRITES, BULK, body)
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert {name: data[name] for name in data if name != "results"} == {
        "atomic": True,
        "total": 1_000,
        "successful": 1_000,
        "failed": 0,
        "success_rate": 1.0,
    }
    assert [each["index"] for each in data["results"]] == list(range(1_000))
    assert {each["status"] for each in data["results"]} == {"posted"}
    last = data["results"][-1]["transfer"]
    assert house.data(house.audrey, f"/api/transfers/{last['id']}") == last
    lines = f"/api/accounts/{destination}/transactions?limit=1"
    assert house.data(house.audrey, lines)[0]["balance_after"] == "1000.00"
    assert (house.balance(source), house.balance(destination)) == ("99000.00", "1000.00")


def test_one_bad_transfer_refuses_all_and_every_bad_one_is_named(house: House) -> None:
    source, destination = house.account(house.anna, 5_000), house.account(house.boris, 0)
    body = bulk(
        transfer(source, destination, "20.00"),
        transfer(source, source, "1.00"),
        transfer(source, destination, "20.00"),
        transfer(source, destination, "20.00"),
        transfer(source, new_id(), "1.00"),
    )
    answer = house.post(house.anna, BULK, body)
    assert house.reason(answer) == (422, "bulk_rejected")
    problem = answer.json()
    assert problem["details"] == {"failed": 3, "total": 5}
    assert [(each["field"], each["reason"]) for each in problem["errors"]] == [
        ("transfers[1].destination_account_id", "same_account_transfer"),
        ("transfers[3]", "insufficient_funds"),
        ("transfers[4]", "account_not_found"),
    ]
    assert house.balance(source) == "50.00"
    count = "SELECT count(*) FROM read.transfers WHERE source_account_id = %s"
    assert house.execute(count, source) == [(0,)]


def test_each_for_itself_tells_what_became_of_each(house: House) -> None:
    source, destination = house.account(house.anna, 5_000), house.account(house.boris, 0)
    stranger = house.account(house.boris, 5_000)
    body = bulk(
        transfer(source, destination, "20.00"),
        transfer(stranger, destination, "1.00"),
        transfer(source, destination, "31.00"),
        transfer(source, destination, "30.00"),
        atomic=False,
    )
    answer = house.post(house.anna, BULK, body)
    assert answer.status_code == 200
    data = answer.json()["data"]
    told = (data["total"], data["successful"], data["failed"], data["success_rate"])
    assert told == (4, 2, 2, 0.5)
    first, second, third, fourth = data["results"]
    assert first["transfer"]["amount"] == "20.00"
    assert second["error"]["reason"] == "unauthorized_access"
    assert second["error"]["category"] == "authorization"
    assert third["error"]["reason"] == "insufficient_funds"
    assert "transfer" not in third
    assert fourth["status"] == "posted"
    assert (house.balance(source), house.balance(destination)) == ("0.00", "50.00")


def test_a_malformed_field_refuses_everything_and_is_addressed(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    good = transfer(source, destination)
    body = bulk(good, good, good, good | {"amount": 5, "colour": "red"}, {}, atomic=False)
    answer = house.post(house.anna, BULK, body)
    assert house.reason(answer) == (400, "unknown_field")
    named = {(each["field"], each["reason"]) for each in answer.json()["errors"]}
    assert named >= {
        ("transfers[3].colour", "unknown_field"),
        ("transfers[3].amount", "invalid_amount_format"),
        ("transfers[4].amount", "missing_fields"),
    }
    negative = house.post(house.anna, BULK, bulk(good, good | {"amount": "-1.00"}))
    assert house.reason(negative) == (422, "negative_amount")
    assert negative.json()["errors"][0]["field"] == "transfers[1].amount"
    assert house.balance(source) == "1000.00"


def test_a_bulk_has_one_to_a_thousand_transfers(house: House) -> None:
    good = transfer(new_id(), new_id())
    for wrong in ([], [good] * 1_001, "all", None):
        answer = house.post(house.anna, BULK, {"transfers": wrong})
        expected = "missing_fields" if wrong is None else "invalid_batch_size"
        assert house.reason(answer) == (400, expected)


def test_a_key_makes_a_bulk_once(house: House) -> None:
    source, destination, key = house.account(house.anna), house.account(house.boris, 0), new_id()
    for caller in (ROBOT_WRITES, house.anna):
        body = bulk(transfer(source, destination), transfer(source, destination), atomic=False)
        first = house.post(caller, BULK, body, idempotency_key=key)
        again = house.post(caller, BULK, body, idempotency_key=key)
        assert (first.status_code, first.content) == (again.status_code, again.content)
        assert again.headers["idempotent-replayed"] == "true"
        other = house.post(caller, BULK, bulk(body["transfers"][0]), idempotency_key=key)
        assert house.reason(other) == (422, "idempotency_key_reused")
    assert house.balance(destination) == "40.00"


def test_a_rejected_bulk_is_remembered_with_its_faults(house: House) -> None:
    source, destination, key = house.account(house.anna, 0), house.account(house.boris, 0), new_id()
    body = bulk(transfer(source, destination), transfer(source, destination))
    first = house.post(house.anna, BULK, body, idempotency_key=key)
    again = house.post(house.anna, BULK, body, idempotency_key=key)
    assert house.reason(first) == (422, "bulk_rejected")
    assert first.content == again.content


def test_who_may_send_a_bulk(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    body = bulk(transfer(source, destination))
    for caller in (house.audrey, ROBOT_READS):
        refused = house.post(caller, BULK, body)
        assert house.reason(refused) == (403, "insufficient_permissions")
    assert house.post(house.ada, BULK, body).status_code == 201
    assert house.post(house.anna, BULK, body).status_code == 201
    stranger = house.post(house.boris, BULK, body)
    assert house.reason(stranger) == (422, "bulk_rejected")
    assert stranger.json()["errors"][0]["reason"] == "unauthorized_access"


def test_only_services_are_free_of_limits(house: House) -> None:
    source, destination = house.account(house.anna, 3_000_000), house.account(house.boris, 0)
    body = bulk(transfer(source, destination, "10000.01"), atomic=False)
    limited = house.made(house.ada, BULK, body)
    assert limited["results"][0]["error"]["reason"] == "amount_exceeds_limit"
    daily = house.made(
        house.anna, BULK, bulk(transfer(source, destination, "1000.01"), atomic=False)
    )
    assert daily["results"][0]["error"]["reason"] == "daily_limit_exceeded"
    free = house.made(ROBOT_WRITES, BULK, body)
    assert free["results"][0]["status"] == "posted"
    assert house.balance(destination) == "10000.01"


def test_opposite_transfers_within_one_bulk_see_each_other(house: House) -> None:
    one, two = house.account(house.anna, 1_000), house.account(house.anna, 0)
    there, back = transfer(one, two, "10.00"), transfer(two, one, "10.00")
    assert house.made(house.anna, BULK, bulk(*[there, back] * 50))["successful"] == 100
    assert (house.balance(one), house.balance(two)) == ("10.00", "0.00")
