"""Outbound webhooks: signed, in order, tried again, and ended by who wants no more (AC-85)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.journeys.people import Person, Town
from tests.journeys.receiver import Receiver, receiving
from tests.journeys.system import eventually
from tests.journeys.wire import reason_of

PATH = "/api/webhook-endpoints"


@contextmanager
def registered(
    person: Person, receiver: Receiver, *types: str, **more: Any
) -> Iterator[dict[str, Any]]:
    """Have an endpoint for the length of the block; nothing is sent to a closed port later on."""
    body = {"url": receiver.url, "event_types": list(types) or ["*"]} | more
    made: dict[str, Any] = person.made(PATH, body)
    assert made["secret"].startswith("whsec_")
    yield made
    person.ask("DELETE", f"{PATH}/{made['id']}")


def test_what_happens_is_delivered_signed_and_in_order(town: Town, customer: Person) -> None:
    account = town.account(customer)
    with (
        receiving() as receiver,
        receiving() as bank,
        registered(customer, receiver) as endpoint,
        registered(town.admin, bank, "payment.completed", scope="all"),
    ):
        payment = customer.payment(account, "10.00")
        customer.made(f"/api/payments/{payment['id']}/process")
        [completed] = receiver.of("payment.completed")
        receiver.of("balance.updated", 2)
        assert all(each.is_signed_by(endpoint["secret"]) for each in receiver.letters)
        positions = [each.told["position"] for each in receiver.letters]
        assert positions == sorted(positions)
        ids = [each.headers["webhook-id"] for each in receiver.letters]
        assert len(set(ids)) == len(ids)
        assert ids == [each.told["id"] for each in receiver.letters]
        assert completed.told["data"]["status"] == "COMPLETED"
        assert receiver.of("payment.created")[0].told["data"]["status"] == "PENDING"
        assert receiver.of("balance.updated")[-1].told["data"]["balance"] == "990.00"
        heard = bank.of("payment.completed")
        assert payment["id"] in {each.told["data"]["id"] for each in heard}


def test_a_secret_is_replaced_without_a_gap(customer: Person) -> None:
    with receiving() as receiver, registered(customer, receiver, "payment.created") as endpoint:
        path = f"{PATH}/{endpoint['id']}"
        newer = customer.made(f"{path}/rotate-secret")
        assert newer["secret"] != endpoint["secret"]
        ping = customer.made(f"{path}/test")
        assert (ping["event_type"], ping["status"]) == ("ping", "pending")
        [letter] = receiver.of("ping")
        assert letter.headers["webhook-id"] == ping["id"]
        assert letter.is_signed_by(endpoint["secret"])
        assert letter.is_signed_by(newer["secret"])
        assert "secret" not in customer.get(path)


def test_a_failure_is_tried_again_and_a_farewell_is_taken(town: Town, customer: Person) -> None:
    with (
        receiving() as receiver,
        registered(customer, receiver, "account.opened", description="Mine") as endpoint,
    ):
        receiver.answers = [(500, {}), (302, {"location": receiver.url}), (204, {})]
        path = f"{PATH}/{endpoint['id']}"
        town.account(customer)
        first, second = receiver.of("account.opened", 2)[:2]
        assert first.headers["webhook-id"] == second.headers["webhook-id"]

        def noted() -> bool:
            [pending] = customer.get(f"{path}/deliveries?status=pending")
            tried = (pending["attempts"], pending["response_status"], pending["last_error"])
            return tried == (2, 302, "HTTP 302")

        eventually(noted, "the second attempt is noted")
        receiver.answers[:0] = [(204, {}), (410, {})]
        customer.made(f"{path}/test")
        receiver.of("ping")
        customer.made(f"{path}/test")

        def disabled() -> bool:
            found = customer.get(path)
            return (found["status"], found["disabled_reason"]) == ("DISABLED", "gone")

        eventually(disabled, "the endpoint is disabled")
        assert customer.get(path)["description"] == "Mine"
        again = customer.ask("PUT", path, {"status": "ACTIVE"})
        assert again.json()["data"]["disabled_reason"] is None


def test_endpoints_are_their_owners_business(town: Town, customer: Person) -> None:
    with receiving() as receiver, registered(customer, receiver, "ping") as endpoint:
        path, stranger = f"{PATH}/{endpoint['id']}", town.customer()
        assert reason_of(stranger.ask("GET", path)) == "insufficient_permissions"
        assert reason_of(stranger.ask("DELETE", path)) == "insufficient_permissions"
        everything = {"url": receiver.url, "event_types": ["*"], "scope": "all"}
        refused = customer.ask("POST", PATH, everything)
        assert reason_of(refused) == "insufficient_permissions"
        assert [each["id"] for each in customer.get(PATH)] == [endpoint["id"]]
        assert customer.ask("DELETE", path).json()["data"]["message"]
        assert reason_of(customer.ask("GET", path)) == "webhook_endpoint_not_found"
        for types in ([], ["nonsense"], ["*", "ping"], "ping"):
            asked = customer.ask("POST", PATH, {"url": receiver.url, "event_types": types})
            assert reason_of(asked) == "invalid_field_value"
