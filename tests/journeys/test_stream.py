"""Server-sent events: told to whom it belongs, in order, without a gap (AC-87, 88, 90)."""

import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.journeys.listening import Heard, listening
from tests.journeys.people import Person, Town
from tests.journeys.system import System
from tests.journeys.test_socket import talking
from tests.journeys.wire import reason_of


def looking(
    customer: Person, account: str, seen: dict[str, str], ahead: list[int]
) -> Callable[[Heard], None]:
    """Return what asks, at each frame, for the record that it is about."""

    def look(heard: Heard) -> None:
        payment_id = heard.data.get("payment_id")
        path = f"accounts/{account}" if payment_id is None else f"payments/{payment_id}"
        answer = customer.ask("GET", f"/api/{path}", ledger_consistency="eventual")
        ahead.append(int(answer.headers["ledger-position"]) - (heard.id or 0))
        if heard.event == "payment_notification" and heard.data["status"] == "COMPLETED":
            seen["status"] = answer.json()["data"]["status"]

    return look


def test_a_payment_is_told_while_it_happens(town: Town, customer: Person) -> None:
    account, stranger = town.account(customer), town.customer()
    seen, ahead = dict[str, str](), list[int]()

    with (
        listening(customer) as own,
        listening(town.support, server=1, query=f"?account_id={account}") as staff,
        listening(stranger, server=1) as others,
    ):
        own.then = looking(customer, account, seen, ahead)
        payment = customer.payment(account, "10.00")
        customer.made(f"/api/payments/{payment['id']}/process")
        told = own.until("payment_notification", 2)
        own.until("transaction_posted")
        own.until("balance_notification", 2)
        staff.until("payment_notification", 2)
        staff.until("balance_notification", 2)
        time.sleep(0.2)
        assert others.heard == []
    assert [each.data["status"] for each in told] == ["PROCESSING", "COMPLETED"]
    [created] = own.until("payment_created")
    assert created.data["payment_id"] == payment["id"]
    assert created.data["description"] == payment["description"]
    assert [each.data["balance"] for each in own.until("balance_notification")] == [
        "1000.00",
        "990.00",
    ]
    assert own.until("balance_notification")[0].data["available"] == "990.00"
    assert own.until("hold_notification")[-1].data["status"] == "CAPTURED"
    assert own.until("transaction_posted")[0].data["balance_after"] == "990.00"
    assert all(each.id == each.data["position"] for each in own.heard)
    assert [each.id for each in own.heard] == sorted(each.id or 0 for each in own.heard)
    assert seen == {"status": "COMPLETED"}
    assert min(ahead) >= 0


def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice(
    town: Town, customer: Person
) -> None:
    account, other = town.account(customer), town.account(customer)
    with listening(customer, query="?types=transaction_posted") as ear:
        customer.door.send(customer.transfer(account, other, "1.00"))
        last = ear.until("transaction_posted", 2)[-1]
    answers = customer.door.race(customer.transfer(account, other, "0.01") for _ in range(50))
    assert {answer.status_code for answer in answers} == {201}
    with listening(
        customer, server=1, query="?types=transaction_posted", last_event_id=str(last.id)
    ) as again:
        customer.door.send(customer.transfer(account, other, "2.00"))
        heard = again.until("transaction_posted", 102)
        time.sleep(0.2)
        assert len(again.heard) == 102
    positions = [each.id or 0 for each in heard]
    assert positions == sorted(set(positions))
    assert positions[0] > (last.id or 0)
    debits = [each for each in heard if each.data["account_id"] == account]
    assert [each.data["balance_after"] for each in debits] == [
        *(f"{998.99 - number * 0.01:.2f}" for number in range(50)),
        "996.50",
    ]


def test_a_stream_begins_with_what_happens_once_it_is_open(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    with ExitStack() as stack:
        with system.paused("projections"):
            customer.payment(account, "1.00")
            ear = stack.enter_context(listening(customer, ledger_consistency="eventual"))
        later = customer.payment(account, "2.00")
        [created] = ear.until("payment_created")
    assert created.data["payment_id"] == later["id"]


def test_a_stream_ends_when_its_caller_may_not_listen_any_more(town: Town) -> None:
    leaving, suspended = town.customer(), town.customer()
    with listening(leaving) as one, listening(suspended, server=1) as other:
        began = time.monotonic()
        assert leaving.ask("POST", "/api/auth/logout-all").status_code == 200
        town.admin.ask("PUT", f"/api/users/{suspended.id}", {"status": "SUSPENDED"})
        for ear in (one, other):
            assert ear.ended.wait(5)
            assert ear.heard == [Heard(None, "stream_closed", {"reason": "token_revoked"})]
        assert time.monotonic() - began < 5


def test_what_nobody_may_hear_is_refused(town: Town, customer: Person) -> None:
    account = town.account(town.customer())
    refusals = {
        "?last_event_id=nonsense": "invalid_position",
        "?last_event_id=999999999999": "invalid_position",
        "?nonsense=1": "unknown_parameter",
        "?types=nonsense": "invalid_field_value",
        f"?account_id={account}": "unauthorized_access",
    }
    for query, reason in refusals.items():
        assert reason_of(customer.ask("GET", f"/api/stream{query}")) == reason
    assert reason_of(town.door.ask("GET", "/api/stream")) == "invalid_token"


def test_a_caller_has_a_few_streams_and_gets_them_back(customer: Person) -> None:
    with listening(customer), listening(customer, server=1), listening(customer):
        with listening(customer, server=1), listening(customer):
            refused = customer.ask("GET", "/api/stream", server=1)
            assert (refused.status_code, reason_of(refused)) == (429, "rate_limit_exceeded")
        time.sleep(0.3)
        with listening(customer) as ear:
            assert ear.opened.is_set()


def test_a_server_that_stops_says_so(system: System, customer: Person) -> None:
    with listening(customer, server=1) as ear:
        system.running("api-2").terminate()
        assert ear.ended.wait(10)
        assert ear.heard == [Heard(None, "stream_closed", {"reason": "service_unavailable"})]
    system.until_ready()


def test_everybody_is_told_of_maintenance(system: System, town: Town, customer: Person) -> None:
    account = town.account(customer)
    with (
        listening(customer) as own,
        listening(town.auditor, server=1, query=f"?account_id={account}") as staff,
        listening(customer, server=1, query="?types=payment_created") as deaf,
        talking(town.customer(), 1) as talk,
    ):
        said = system.ledgerbank(
            "--json", "announce", "--message", "Back at 3.", "--at", "2030-01-01T02:00:00+01:00"
        ).json()
        [one], [two] = own.until("system_maintenance"), staff.until("system_maintenance")
        three = talk.hear("system_maintenance")["payload"]
        assert deaf.heard == []
    assert one.data == two.data == three
    assert one.data["message"] == said["message"] == "Back at 3."
    assert one.data["scheduled_time"] == "2030-01-01T01:00:00.000000Z"
    assert one.id == one.data["position"]
    with listening(customer, last_event_id=str((one.id or 0) - 1)) as again:
        assert again.until("system_maintenance") == [one]
    [entry] = town.auditor.get(f"/api/audit/log?subject_id={said['id']}")
    assert entry["details"]["command"] == "AnnounceMaintenance"
    assert entry["actor"]["role"] == "operator"
