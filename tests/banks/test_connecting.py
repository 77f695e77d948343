"""Connecting over HTTP: consent at the sandbox bank and back, once, in the same browser."""

from urllib.parse import parse_qs, urlsplit

import pytest

from ledger.identity import new_id
from tests.access.house import Caller, House
from tests.banks.outside import Outside, cookie_of

PATH = "/api/bank-connections"


def test_a_customer_connects_and_everything_is_there(outside: Outside, house: House) -> None:
    customer = outside.customer(123_456)
    answer = outside.request(customer)
    assert answer.status_code == 201, answer.text
    data = answer.json()["data"]
    asked = parse_qs(urlsplit(data["authorization_url"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) * 6 >= 256
    assert asked["redirect_uri"] == [str(house.clients[0].base_url.join(f"{PATH}/callback"))]
    assert data["connection"]["status"] == "PENDING"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Lax" in answer.headers["set-cookie"]
    back = outside.come_back(outside.consent(answer), cookie_of(answer))
    connection = back.json()["data"]["connection"]
    assert (back.status_code, connection["status"]) == (200, "ACTIVE")
    outside.until(lambda: outside.connection(customer, connection["id"])["last_sync_at"], "a sync")
    account = outside.account(customer)
    assert account["balance"] == "1234.56"
    assert account["external_account_id"] == customer.external_account_id
    assert account["bank_connection_id"] == connection["id"]
    assert account["last_sync_at"] is not None
    shown = outside.connection(customer, connection["id"])
    assert shown["username"] == customer.username
    assert shown["next_sync_at"] > shown["last_sync_at"]
    assert house.data(customer.caller, "GET", f"{PATH}?status=active") == [shown]


def test_a_state_is_good_once_in_one_browser(outside: Outside, house: House) -> None:
    customer = outside.customer()
    answer = outside.request(customer)
    said, cookie = outside.consent(answer), cookie_of(answer)
    invalid = (400, "invalid_oauth_state")
    unknown = outside.come_back({**said, "state": "x" * 43}, cookie)
    assert (unknown.status_code, unknown.json()["reason"]) == invalid
    back = outside.come_back(said, cookie)
    assert back.status_code == 200, back.text
    again = outside.come_back(said, cookie)
    assert (again.status_code, again.json()["reason"]) == invalid
    twin = outside.request(customer)
    assert (twin.status_code, twin.json()["reason"]) == (409, "connection_already_exists")
    other = outside.request(outside.customer())
    for foreign in (None, "connect=" + "x" * 43):
        said = outside.consent(other)
        back = outside.come_back(said, foreign)
        assert (back.status_code, back.json()["reason"]) == invalid
    late = outside.request(outside.customer())
    said = outside.consent(late)
    house.rows("UPDATE work.bank_journeys SET expires_at = now() RETURNING state")
    back = outside.come_back(said, cookie_of(late))
    assert (back.status_code, back.json()["reason"]) == invalid
    missing = outside.come_back({"state": "x"}, cookie)
    assert (missing.status_code, missing.json()["reason"]) == (400, "missing_fields")


def test_a_no_is_taken_for_a_no(outside: Outside) -> None:
    customer = outside.customer()
    answer = outside.request(customer)
    back = outside.come_back(outside.consent(answer, "deny"), cookie_of(answer))
    assert (back.status_code, back.json()["reason"]) == (422, "consent_denied")
    connection = outside.connection(customer, answer.json()["data"]["connection"]["id"])
    assert (connection["status"], connection["status_reason"]) == ("REVOKED", "consent_denied")
    assert outside.request(customer).status_code == 201


def test_a_bank_that_fails_is_told_as_such(outside: Outside) -> None:
    customer = outside.customer()
    answer = outside.request(customer)
    said = outside.consent(answer)
    match = {"method": "POST", "path": "/oauth2/token"}
    outside.sandbox.fault("http_error", status=503, match=match)
    back = outside.come_back(said, cookie_of(answer))
    assert (back.status_code, back.json()["reason"]) == (503, "bank_api_error")


def test_revoked_is_over_and_tokens_are_gone(outside: Outside, house: House) -> None:
    customer = outside.customer()
    connection_id = outside.connected(customer)
    path = f"{PATH}/{connection_id}"
    again = house.ask(customer.caller, "POST", f"{path}/reconnect")
    assert outside.come_back(outside.consent(again), cookie_of(again)).status_code == 200
    gone = house.data(customer.caller, "DELETE", path)
    assert (gone["status"], gone["status_reason"]) == ("REVOKED", "caller")
    kept = "SELECT count(*) FROM log.bank_tokens WHERE connection_id = %s"
    outside.until(lambda: house.rows(kept, connection_id) == [(0,)], "tokens to be destroyed")
    account = outside.account(customer)
    assert (account["balance"], account["bank_connection_id"]) == ("1000.00", None)
    dead = house.ask(customer.caller, "POST", f"{path}/sync")
    assert (dead.status_code, dead.json()["reason"]) == (422, "connection_inactive")
    assert outside.connected(customer) != connection_id
    assert outside.account(customer)["id"] == account["id"]


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"username": "a b"}, (400, "invalid_field_value")),
        ({"bank_branch_id": "x"}, (400, "invalid_uuid_format")),
        ({"bank_branch_id": new_id()}, (404, "branch_not_found")),
        ({"sync_frequency": 299}, (400, "invalid_field_value")),
    ],
)
def test_a_malformed_request_is_refused(
    outside: Outside, body: dict[str, object], refused: tuple[int, str]
) -> None:
    answer = outside.request(outside.customer(), **body)
    assert (answer.status_code, answer.json()["reason"]) == refused


def test_a_connection_is_its_owners(outside: Outside, house: House, auditor: Caller) -> None:
    customer, stranger = outside.customer(), outside.customer()
    connection_id = outside.connected(customer)
    path = f"{PATH}/{connection_id}"
    for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/sync"), ("POST", "/reconnect")):
        answer = house.ask(stranger.caller, method, path + tail)
        assert (answer.status_code, answer.json()["reason"]) == (403, "insufficient_permissions")
    assert house.data(auditor, "GET", path)["id"] == connection_id
    changed = house.data(customer.caller, "PUT", path, {"sync_frequency": 600})
    assert changed["sync_frequency"] == 600
    unknown = house.ask(customer.caller, "GET", f"{PATH}/{new_id()}")
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "connection_not_found")
