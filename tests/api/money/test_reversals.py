"""Reversals over HTTP: negated, linked both ways, once (AC-50)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger.identity import new_id
from tests.api.money.house import ROBOT_READS, ROBOT_WRITES, House, transfer

WHY = {"reason": "Booked by mistake"}


def moved(house: House, source: str, destination: str, amount: str = "10.00") -> dict[str, Any]:
    asked = transfer(source, destination, amount)
    return dict(house.made(house.anna, "/api/transfers", asked))


def path(posting_id: str) -> str:
    return f"/api/postings/{posting_id}/reverse"


@pytest.mark.parametrize("caller", ["ada", ROBOT_WRITES])
def test_a_reversal_negates_and_is_linked_both_ways(house: House, caller: str) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    done = moved(house, source, destination)
    who = house.ada if caller == "ada" else caller
    answer = house.post(who, path(done["posting_id"]), WHY)
    assert answer.status_code == 201, answer.text
    shown = answer.json()["data"]
    assert answer.headers["location"] == f"/api/postings/{shown['id']}"
    assert shown["kind"] == "REVERSAL"
    assert shown["reason"] == WHY["reason"]
    assert shown["reverses_posting_id"] == done["posting_id"]
    assert [
        (each["account_id"], each["direction"], each["amount"]) for each in shown["entries"]
    ] == [(source, "CREDIT", "10.00"), (destination, "DEBIT", "10.00")]
    assert house.data(house.audrey, f"/api/postings/{shown['id']}") == shown
    undone = house.data(house.audrey, f"/api/postings/{done['posting_id']}")
    assert undone["reversed_by_posting_id"] == shown["id"]
    told = house.data(house.anna, f"/api/transfers/{done['id']}")
    assert (told["status"], told["reversal_posting_id"]) == ("REVERSED", shown["id"])
    assert told["version"] == done["version"] + 1
    assert (house.balance(source), house.balance(destination)) == ("1000.00", "0.00")
    lines = house.data(house.boris, f"/api/accounts/{destination}/transactions?type=REVERSAL")
    assert [(each["direction"], each["balance_after"]) for each in lines] == [("DEBIT", "0.00")]


def test_ten_reversals_race_and_one_wins(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    done = moved(house, source, destination)
    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(lambda _: house.post(house.ada, path(done["posting_id"]), WHY), range(10))
        )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    first = next(each for each in answers if each.status_code == 201).json()["data"]["id"]
    for answer in answers:
        if answer.status_code == 409:
            assert house.reason(answer)[1] == "posting_already_reversed"
            assert answer.json()["details"] == {"reversed_by_posting_id": first}
    assert house.balance(destination) == "0.00"


def test_a_reversal_is_not_reversed(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    done = house.made(house.ada, path(moved(house, source, destination)["posting_id"]), WHY)
    again = house.post(house.ada, path(done["id"]), WHY)
    assert house.reason(again) == (422, "reversal_not_allowed")


def test_what_was_spent_is_not_taken_back(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    done = moved(house, source, destination)
    house.made(house.boris, "/api/transfers", transfer(destination, source, "0.01"))
    answer = house.post(house.ada, path(done["posting_id"]), WHY)
    assert house.reason(answer) == (422, "negative_balance")


def test_who_may_reverse(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.ada, 0)
    done = moved(house, source, destination)
    for caller in (house.anna, house.sue, house.audrey, house.ada, ROBOT_READS):
        refused = house.post(caller, path(done["posting_id"]), WHY)
        assert house.reason(refused) == (403, "insufficient_permissions")
    assert house.post(ROBOT_WRITES, path(done["posting_id"]), WHY).status_code == 201


def test_what_cannot_be_asked(house: House) -> None:
    missing = house.post(house.ada, path(new_id()), {})
    assert house.reason(missing) == (400, "missing_fields")
    nowhere = house.post(house.ada, path(new_id()), WHY)
    assert house.reason(nowhere) == (404, "posting_not_found")
    crooked = house.post(house.ada, path("nonsense"), WHY)
    assert house.reason(crooked) == (400, "invalid_uuid_format")
    long = house.post(house.ada, path(new_id()), {"reason": "x" * 256})
    assert house.reason(long) == (400, "invalid_field_value")


def test_a_key_reverses_once(house: House) -> None:
    source, destination, key = house.account(house.anna), house.account(house.boris, 0), new_id()
    done = moved(house, source, destination)
    first = house.post(house.ada, path(done["posting_id"]), WHY, idempotency_key=key)
    again = house.post(house.ada, path(done["posting_id"]), WHY, idempotency_key=key)
    assert (first.status_code, first.content) == (201, again.content)


def test_the_day_forgets_a_reversed_transfer(house: House) -> None:
    source, destination = house.account(house.anna, 500_000), house.account(house.boris, 0)
    done = moved(house, source, destination, "1000.00")
    more = house.post(house.anna, "/api/transfers", transfer(source, destination, "0.01"))
    assert house.reason(more) == (422, "daily_limit_exceeded")
    house.made(house.ada, path(done["posting_id"]), WHY)
    moved(house, source, destination, "1000.00")


def test_an_owner_sees_the_own_side_of_a_posting_only(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0)
    posting = f"/api/postings/{moved(house, source, destination)['posting_id']}"
    sides = {
        house.anna: [source, None],
        house.boris: [None, destination],
        house.audrey: [source, destination],
        ROBOT_READS: [source, destination],
    }
    for caller, accounts in sides.items():
        entries = house.data(caller, posting)["entries"]
        assert [each["account_id"] for each in entries] == accounts
    stranger = house.person()
    for caller in (stranger, ROBOT_WRITES):
        refused = house.ask(caller, "GET", posting)
        assert house.reason(refused) == (403, "insufficient_permissions")
    nowhere = house.ask(house.audrey, "GET", f"/api/postings/{new_id()}")
    assert house.reason(nowhere) == (404, "posting_not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_nothing_edits_or_deletes_a_posting(house: House, method: str) -> None:
    answer = house.ask(house.ada, method, f"/api/postings/{new_id()}")
    assert house.reason(answer) == (405, "method_not_allowed")
