"""What the audit log of a deployment says, whichever server saw it (AC-95)."""

from typing import Any

from ledger.identity import new_id
from tests.journeys.people import Door, Person, Town
from tests.journeys.system import eventually
from tests.journeys.wire import reason_of


def told(town: Town, server: int = 1, **asked: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    rows: list[dict[str, Any]] = town.auditor.get(f"/api/audit/log?{query}", server=server)
    return rows


def test_staff_who_act_for_a_customer_are_told_by_name(town: Town, customer: Person) -> None:
    account = town.account(customer, None)
    [entry] = told(town, subject_id=account)
    assert (entry["action"], entry["outcome"]) == ("AdminActionPerformed", "success")
    assert entry["actor"] == {"type": "user", "id": town.admin.id, "role": "admin"}
    assert entry["subject_type"] == "account"
    assert entry["ip"] == "127.0.0.1"
    assert entry["details"]["command"] == "OpenAccount"
    assert {"account_name", "currency"} <= set(entry["details"]["fields"])
    own = customer.made("/api/accounts", {
        "currency": "USD", "account_type": "SAVINGS", "account_name": "Own",
    })  # fmt: skip
    assert told(town, subject_id=own["id"]) == []


def test_a_stranger_at_an_account_is_told_with_its_id(town: Town, customer: Person) -> None:
    account = town.account(town.customer(), None)
    assert reason_of(customer.ask("GET", f"/api/accounts/{account}")) == "unauthorized_access"

    def denied() -> list[dict[str, Any]]:
        return told(town, actor_id=customer.id, action="AccessDenied")

    [entry] = eventually(denied, "the denial is told")
    assert (entry["subject_type"], entry["subject_id"]) == ("account", account)
    assert entry["details"]["route"] == "/api/accounts/{id}"
    again = {"idempotency-key": new_id()}
    own, other = town.account(customer), town.account(customer, None)
    town.door.send(customer.transfer(own, other, "1.00", **again))
    assert len(denied()) == 1


def test_both_servers_together_tell_of_one_bad_token(town: Town, door: Door) -> None:
    other_kind = f"Bearer {town.customer().refresh_token}"
    for number in range(6):
        answer = door.ask("GET", "/api/profile", server=number % 2, authorization=other_kind)
        assert reason_of(answer) == "invalid_token_type"

    def rejected() -> list[dict[str, Any]]:
        entries = told(town, action="TokenRejected", outcome="denied")
        return [each for each in entries if each["details"]["reason"] == "invalid_token_type"]

    [entry] = eventually(rejected, "the token is told of")
    assert entry["actor"] == {"type": "anonymous", "id": None, "role": None}
    assert len(told(town, 0, action="TokenRejected")) == len(told(town, 1, action="TokenRejected"))
    assert len(rejected()) == 1


def test_customers_and_support_do_not_look(town: Town, customer: Person) -> None:
    for person in (customer, town.support):
        refused = person.ask("GET", "/api/audit/log")
        assert reason_of(refused) == "insufficient_permissions"
