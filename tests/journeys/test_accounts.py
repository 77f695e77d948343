"""Accounts from opening to closing, their limits, and what they were (AC-27, 42, 43, 53)."""

from collections import Counter
from typing import Any

import pytest

from ledger.identity import new_id
from tests.journeys.people import Person, Town, payment_body
from tests.journeys.wire import problem_of, reason_of

WHY = {"reason": "reported stolen"}


def change(person: Person, account: str, verb: str, body: Any = None) -> str:
    """Ask for a change; return the state after it, or why it was refused."""
    method = "PUT" if verb in {"", "/limits"} else "POST"
    answer = person.ask(method, f"/api/accounts/{account}{verb}", body)
    if answer.status_code != 200:
        return reason_of(answer)
    shown = answer.json()["data"]
    assert answer.headers["etag"] == f'"{shown["version"]}"'
    assert person.get(f"/api/accounts/{account}", server=1) == shown
    return str(shown["status"])


def test_an_account_lives_by_the_table(town: Town, customer: Person) -> None:
    account, support, transition = (
        town.account(customer, None),
        town.support,
        "invalid_account_transition",
    )
    for person, verb, expected in (
        (customer, "/deactivate", "INACTIVE"),
        (customer, "/deactivate", transition),
        (support, "/activate", "ACTIVE"),
        (customer, "/deactivate", "INACTIVE"),
        (customer, "/freeze", "insufficient_permissions"),
        (support, "/freeze", "FROZEN"),
        (customer, "/activate", transition),
        (customer, "/close", transition),
        (town.admin, "/close", transition),
        (customer, "/unfreeze", "insufficient_permissions"),
        (support, "/unfreeze", "INACTIVE"),
        (customer, "/activate", "ACTIVE"),
        (support, "/close", "unauthorized_access"),
        (town.auditor, "/close", "insufficient_permissions"),
        (customer, "/close", "CLOSED"),
        (customer, "/activate", transition),
        (support, "/freeze", transition),
        (customer, "", transition),
    ):
        body = {"account_name": "Rainy days"} if verb == "" else None
        body = WHY if verb.endswith("freeze") else body
        assert change(person, account, verb, body) == expected, verb
    history = customer.get(f"/api/accounts/{account}/events", server=1)
    assert [each["type"] for each in history][-3:] == [
        "AccountUnfrozen", "AccountActivated", "AccountClosed",
    ]  # fmt: skip
    assert [each["actor_role"] for each in history][-3:] == ["support", "user", "user"]


def test_a_frozen_account_says_why_and_moves_nothing(town: Town, customer: Person) -> None:
    account, other = town.account(customer), town.account(customer)
    assert change(town.support, account, "/freeze", WHY) == "FROZEN"
    assert customer.get(f"/api/accounts/{account}")["status_reason"] == "reported stolen"
    for source, destination in ((account, other), (other, account)):
        refused = town.door.send(customer.transfer(source, destination, "1.00"), server=1)
        assert reason_of(refused) == "account_frozen"
    refused = customer.ask("POST", "/api/payments", payment_body(account))
    assert reason_of(refused) == "account_frozen"
    assert change(town.support, account, "/unfreeze", {}) == "missing_fields"
    assert (
        change(town.support, account, "/unfreeze", {"reason": "x" * 256}) == "invalid_field_value"
    )


def test_a_name_is_changed_under_its_owners_eyes(town: Town, customer: Person) -> None:
    account = town.account(customer)
    path, named = f"/api/accounts/{account}", {"account_name": "  Rainy days "}
    shown = customer.ask("PUT", path, named, if_match='"1", "2"')
    assert shown.json()["data"]["account_name"] == "Rainy days"
    by_staff = town.support.ask("PUT", path, {"account_name": "Umbrella"}, server=1)
    assert by_staff.json()["data"]["account_name"] == "Umbrella"
    assert customer.get(path)["account_name"] == "Umbrella"
    stale = problem_of(customer.ask("PUT", path, named, if_match='"1"'))
    assert (stale["reason"], stale["details"]["current_version"]) == ("version_conflict", 4)
    stranger = town.customer()
    assert reason_of(stranger.ask("PUT", path, named)) == "unauthorized_access"
    assert reason_of(stranger.ask("PUT", f"/api/accounts/{new_id()}", named)) == "account_not_found"
    for wrong in ("", "x" * 101):
        answer = customer.ask("PUT", path, {"account_name": wrong})
        assert reason_of(answer) in {"missing_fields", "invalid_account_name_format"}


def test_limits_count_at_once_and_null_restores_the_default(town: Town, customer: Person) -> None:
    account = town.account(customer, "5000.00")
    other = town.account(town.customer(), None)
    usual = customer.get(f"/api/accounts/{account}")
    path = f"/api/accounts/{account}/limits"

    def moved(amount: str) -> str:
        answer = town.door.send(customer.transfer(account, other, amount), server=1)
        return "moved" if answer.status_code == 201 else reason_of(answer)

    lowered = town.admin.ask("PUT", path, {"single_limit": "5.00", "daily_limit": "7.00"})
    assert lowered.json()["data"]["limits_overridden"] is True
    assert [moved("5.01"), moved("5.00"), moved("2.01")] == [
        "amount_exceeds_limit", "moved", "daily_limit_exceeded",
    ]  # fmt: skip
    health = customer.get(f"/api/accounts/{account}/health", server=1)
    assert (health["daily_spent"], health["daily_remaining"]) == ("5.00", "2.00")
    assert health["daily_utilization_percent"] == 71.43
    raised = town.admin.ask("PUT", path, {"single_limit": "2000.00", "daily_limit": "2000.00"})
    assert raised.json()["data"]["daily_limit"] == "2000.00"
    assert moved("1900.00") == "moved"
    restored = town.admin.ask("PUT", path, {"single_limit": None, "daily_limit": None})
    shown = restored.json()["data"]
    assert shown["limits_overridden"] is False
    assert [shown[name] for name in ("daily_limit", "single_limit")] == [
        usual[name] for name in ("daily_limit", "single_limit")
    ]
    assert moved("0.01") == "daily_limit_exceeded"
    for body, reason in (
        ({}, "missing_fields"),
        ({"daily_limit": "-1.00"}, "negative_amount"),
        ({"daily_limit": "1.001"}, "invalid_amount_format"),
        ({"credit_limit": "1.00"}, "credit_limit_not_allowed"),
        ({"credit_limit": None, "overdraft": "1.00"}, "unknown_field"),
    ):
        assert reason_of(town.admin.ask("PUT", path, body)) == reason, body
    for person in (customer, town.support, town.auditor):
        answer = person.ask("PUT", path, {"daily_limit": None})
        assert reason_of(answer) == "insufficient_permissions"


def test_credit_goes_down_to_its_limit_and_not_one_minor_unit_further(
    town: Town, customer: Person
) -> None:
    account = town.account(customer, None, account_type="CREDIT", credit_limit="300.00")
    other = town.account(customer, None)
    answers = town.door.race(customer.transfer(account, other, "10.00") for _ in range(50))
    assert Counter(answer.status_code for answer in answers) == {201: 30, 422: 20}
    assert customer.balance(account) == "-300.00"
    short = customer.transfer(account, other, "0.01")
    assert reason_of(town.door.send(short)) == "insufficient_funds"
    path = f"/api/accounts/{account}/limits"
    less = town.admin.ask("PUT", path, {"credit_limit": "299.99"})
    assert reason_of(less) == "negative_balance"
    assert town.admin.ask("PUT", path, {"credit_limit": "300.01"}).status_code == 200
    assert town.door.send(short).status_code == 201
    assert town.door.send(short).status_code == 422


def test_only_admins_lend_and_only_on_credit_accounts(town: Town, customer: Person) -> None:
    body = {"currency": "USD", "account_type": "CREDIT", "account_name": "Card"}
    for person, more, reason in (
        (customer, {"credit_limit": "1.00"}, "insufficient_permissions"),
        (customer, {"opening_balance": "1.00"}, "insufficient_permissions"),
        (town.support, {"opening_balance": "1.00"}, "insufficient_permissions"),
        (
            town.admin,
            {"credit_limit": "1.00", "account_type": "CHECKING"},
            "credit_limit_not_allowed",
        ),
    ):
        answer = person.ask("POST", "/api/accounts", body | {"user_id": customer.id} | more)
        assert reason_of(answer) == reason
    assert customer.get("/api/accounts", server=1) == []


def test_only_what_is_empty_is_closed(town: Town, customer: Person) -> None:
    full, waiting = town.account(customer, "5.00"), town.account(customer, None)
    assert change(customer, full, "/close") == "account_not_empty"
    incoming = customer.payment(waiting, direction="CREDIT", payment_type="DEPOSIT")
    assert change(customer, waiting, "/close") == "account_not_empty"
    answer = customer.ask("DELETE", f"/api/payments/{incoming['id']}", server=1)
    assert answer.status_code == 200
    assert change(customer, waiting, "/close") == "CLOSED"
    promised = town.account(customer, None, account_type="CREDIT", credit_limit="10.00")
    wish = {"account_id": promised, "amount": "9.00", "description": "a deposit"}
    hold = customer.made("/api/holds", wish)["id"]
    assert change(customer, promised, "/close") == "account_not_empty"
    assert customer.made(f"/api/holds/{hold}/release", server=1)["status"] == "RELEASED"
    assert change(customer, promised, "/close") == "CLOSED"


def test_closing_races_new_payments_and_never_loses_one(town: Town, customer: Person) -> None:
    for _ in range(4):
        account = town.account(customer, None)
        body = payment_body(account, direction="CREDIT", payment_type="DEPOSIT")
        close = customer.asks("POST", f"/api/accounts/{account}/close")
        wishes = [customer.asks("POST", "/api/payments", body) for _ in range(6)]
        answers = town.door.race([*wishes[:3], close, *wishes[3:], close])
        made = sum(answer.status_code == 201 for answer in answers)
        closed = sum(answer.status_code == 200 for answer in answers)
        assert (made > 0) != (closed == 1), [answer.text for answer in answers]
        shown = customer.get(f"/api/accounts/{account}", server=1)["status"]
        assert shown == ("CLOSED" if closed else "ACTIVE")


@pytest.mark.parametrize("what", ["account", "accounts", "balance", "payment"])
def test_the_past_is_what_was_answered_then(town: Town, customer: Person, what: str) -> None:
    account, other = town.account(customer), town.account(customer, None)
    payment = customer.payment(account, "3.00")["id"]
    path = {
        "account": f"/api/accounts/{account}",
        "accounts": "/api/accounts",
        "balance": f"/api/accounts/{account}/balance",
        "payment": f"/api/payments/{payment}",
    }[what]
    told = []
    for step in (
        customer.transfer(account, other, "7.00"),
        customer.asks("PUT", f"/api/accounts/{account}", {"account_name": "Second"}),
        customer.asks("DELETE", f"/api/payments/{payment}"),
        customer.asks("POST", f"/api/accounts/{other}/deactivate"),
    ):
        assert town.door.send(step).status_code < 300
        answer = customer.ask("GET", path, server=1)
        told.append((answer.headers["ledger-position"], answer.json()["data"]))
    for position, before in told:
        again = customer.ask("GET", f"{path}?at_position={position}", server=1).json()
        assert again["metadata"]["as_of"]["position"] == int(position)
        for each in (before, again["data"]):
            if what == "balance":
                each.pop("as_of")
        assert again["data"] == before
