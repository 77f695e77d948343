"""What a bank told is not undone here; whoever leaves takes consents along (AC-39, AC-50)."""

from ledger.identity import new_id
from tests.access.house import Caller, House
from tests.banks.outside import Outside


def test_an_import_is_not_reversed(house: House, outside: Outside, admin: Caller) -> None:
    customer = outside.customer()
    connection_id = outside.connected(customer)
    made = outside.sandbox.control(
        "POST", "/transactions", account_id=customer.external_account_id, amount=-250,
        description="Coffee", status="posted",
    )  # fmt: skip
    outside.ask_by_schedule(connection_id)

    def mirrored() -> list[str]:
        lines = outside.transactions(customer)
        return [each["posting_id"] for each in lines if each["external_id"] == made["id"]]

    [posting_id] = outside.until(mirrored, "the line of the bank")
    path, body = f"/api/postings/{posting_id}/reverse", {"reason": "It was cold"}
    refused = house.ask(admin, "POST", path, body, idempotency_key=new_id())
    assert (refused.status_code, refused.json()["reason"]) == (422, "reversal_not_allowed")
    assert outside.account(customer)["balance"] == "997.50"


def test_whoever_leaves_takes_their_consents_along(
    house: House, outside: Outside, admin: Caller
) -> None:
    customer = outside.customer(0)
    connection_id = outside.connected(customer)
    assert house.ask(admin, "DELETE", f"/api/users/{customer.caller.id}").status_code == 200
    path = f"/api/bank-connections/{connection_id}"
    outside.until(
        lambda: house.data(admin, "GET", path)["status"] == "REVOKED", "the end of the consent"
    )
    kept = "SELECT count(*) FROM log.bank_tokens WHERE connection_id = %s"
    outside.until(lambda: house.rows(kept, connection_id) == [(0,)], "tokens to be destroyed")
