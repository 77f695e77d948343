"""People on the real system: suspended, let in again, deleted (AC-32, 36, 39, 97)."""

from typing import Any

from ledger.identity import new_id
from tests.journeys.people import PASSWORD, Person, Town
from tests.journeys.system import System, eventually
from tests.journeys.wire import reason_of


def found(person: Person, path: str) -> Any:
    return person.get(path, server=1)


def test_whoever_is_suspended_is_out_at_both_servers_until_reactivated(town: Town) -> None:
    anna = town.customer()
    path = f"/api/users/{anna.id}"
    for status, reason in (("SUSPENDED", "token_revoked"), ("ACTIVE", "token_revoked")):
        changed = town.admin.ask("PUT", path, {"status": status})
        assert changed.status_code == 200, changed.text
        for server in (1, 0):
            assert reason_of(anna.ask("GET", "/api/profile", server=server)) == reason
    Person(town.door, anna.email, PASSWORD)
    assert found(town.support, path)["status"] == "ACTIVE"


def test_a_deleted_customer_leaves_figures_and_no_words(town: Town, system: System) -> None:
    anna, boris = town.customer(), town.customer()
    hers, his = town.account(anna), town.account(boris)
    canary = f"canary {new_id()}"
    body = {"source_account_id": hers, "destination_account_id": his, "amount": "5.00"}
    moved = anna.made("/api/transfers", body | {"description": canary})
    pending = anna.payment(hers, description=canary)
    assert found(boris, f"/api/transfers/{moved['id']}")["description"] == canary
    assert town.admin.ask("DELETE", f"/api/users/{anna.id}").status_code == 200
    assert reason_of(town.admin.ask("DELETE", f"/api/users/{anna.id}")) == "user_not_found"
    shell = found(town.support, f"/api/users/{anna.id}")
    assert (shell["status"], shell["email"], shell["full_name"]) == ("DELETED", None, None)
    for path in (f"/api/payments/{pending['id']}", f"/api/transfers/{moved['id']}"):
        assert found(town.support, path)["description"] == "[erased]"
    seen = town.auditor.ask("GET", f"/api/transactions?account_id={his}")
    assert canary not in seen.text
    assert "5.00" in seen.text
    assert found(town.support, f"/api/accounts/{hers}")["account_name"] is None
    eventually(
        lambda: found(town.support, f"/api/payments/{pending['id']}")["status"] == "CANCELLED",
        "what had not started is called off",
    )
    told = system.ledgerbank("events", "list", "--limit", "100000")
    assert canary not in told.output
    assert anna.email not in told.output
    again = {"email": anna.email, "full_name": "Another Anna", "password": PASSWORD,
             "password_confirmation": PASSWORD}  # fmt: skip
    assert town.door.ask("POST", "/api/users", again).status_code == 201


def test_accounts_of_the_deleted_are_closed_or_frozen(town: Town) -> None:
    anna = town.customer()
    empty, full = town.account(anna, opening=None), town.account(anna)
    assert town.admin.ask("DELETE", f"/api/users/{anna.id}").status_code == 200
    expected = {empty: ("CLOSED", None), full: ("FROZEN", "owner_deleted")}

    def standing() -> dict[str, tuple[str, str | None]]:
        accounts = {each: found(town.support, f"/api/accounts/{each}") for each in expected}
        return {name: (each["status"], each["status_reason"]) for name, each in accounts.items()}

    eventually(lambda: standing() == expected, "the empty one is closed, the other one frozen")
