"""What the audit log of a deployment says, whichever server saw it (AC-95)."""

from threading import Event, Thread
from typing import Any

from ledger.identity import new_id
from tests.journeys.people import Door, Person, Town
from tests.journeys.system import System, eventually
from tests.journeys.wire import reason_of


def told(town: Town, server: int = 1, **asked: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    rows: list[dict[str, Any]] = town.auditor.get(f"/api/audit/log?{query}", server=server)
    return rows


def test_who_polls_by_position_misses_nothing_in_a_race(
    system: System, town: Town, customer: Person
) -> None:
    """AC-91: two hundred commands, and a poller that asks now one server, now the other."""
    source, destination = town.account(customer), town.account(customer, None)
    [(first,)] = system.rows("SELECT position + 1 FROM log.head")
    seen: list[int] = []
    over = Event()

    def poll() -> None:
        turn, after = 0, first
        while True:
            ended, turn = over.is_set(), turn + 1
            path = f"/api/events?position_from={after}&limit=50"
            page = [each["position"] for each in town.auditor.get(path, server=turn % 2)]
            seen.extend(page)
            if page:
                after = page[-1] + 1
            elif ended:
                return
            else:
                over.wait(0.02)

    poller = Thread(target=poll)
    poller.start()
    try:
        answers = town.door.race(customer.transfer(source, destination, "0.01") for _ in range(200))
    finally:
        over.set()
        poller.join()
    assert {answer.status_code for answer in answers} == {201}
    told_of = {int(answer.headers["ledger-position"].rpartition(".")[2]) for answer in answers}
    assert seen == list(range(first, seen[-1] + 1)), "strictly growing, without a hole"
    assert told_of <= set(seen)


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
