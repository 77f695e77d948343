"""The sandbox bank's accounts and histories, in both dialects."""

from pathlib import Path
from typing import Any

from ledger.identity import derived_id
from ops.demo import ACCOUNTS
from ops.sandbox_bank.initial import BOB, HISTORY
from tests.ops.sandbox_bank.customer import Holder, Sandbox, sandbox_bank

ACCOUNT = "acc_alice_checking"


def ids(page: Any) -> list[str]:
    return [each["id"] for each in page["transactions"]]


def new_line(sandbox: Sandbox, amount: int, **told: Any) -> str:
    fields = {"account_id": ACCOUNT, "amount": amount, "description": "Coffee", **told}
    line_id: str = sandbox.control("POST", "/transactions", **fields)["id"]
    return line_id


def windows(holder: Holder, since: str = "", limit: int = 100) -> Any:
    path = f"/windows/transactions?account_id={ACCOUNT}&since={since}&limit={limit}"
    return holder.ask("GET", path).json()


def test_the_bank_opens_with_the_outside_of_the_demo(sandbox: Sandbox) -> None:
    assert (sandbox.holder().booked(), sandbox.holder("bob456").booked(BOB.id)) == (150000, 250000)
    for _, lines in HISTORY:
        for line in lines:
            if line.payment_id is not None:
                names = [demo.name for demo in ACCOUNTS]
                known = {derived_id("demo", "payment", name, line.description) for name in names}
                assert line.payment_id in known


def test_a_customer_sees_only_what_the_consent_covers(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    assert [each["id"] for each in alice.ask("GET", "/accounts").json()["accounts"]] == [ACCOUNT]
    for path in ("balance", "transactions", "windows/transactions"):
        assert alice.ask("GET", f"/{path}?account_id={BOB.id}").status_code == 404
    assert sandbox.http.get("/accounts").status_code == 401


def test_the_cursor_tells_each_change_once(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    first = alice.changes(ACCOUNT, limit=2)
    assert (len(ids(first)), first["has_more"]) == (2, True)
    rest = alice.changes(ACCOUNT, first["next_cursor"])
    assert (len(ids(rest)), rest["has_more"]) == (1, False)
    assert ids(alice.changes(ACCOUNT, rest["next_cursor"])) == []
    pending = new_line(sandbox, -300, status="pending")
    told = alice.changes(ACCOUNT, rest["next_cursor"])
    assert [(each["status"], each["change"]) for each in told["transactions"]] == [
        ("pending", "added")
    ]
    assert alice.booked() == 150000
    sandbox.control("POST", f"/transactions/{pending}/settle", amount=-310)
    posted = alice.changes(ACCOUNT, told["next_cursor"])["transactions"]
    assert [(each["id"], each["amount"], each["change"]) for each in posted] == [
        (pending, -310, "modified")
    ]
    assert alice.booked() == 149690


def test_what_is_taken_back_is_told_to_those_who_saw_it(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    pending = new_line(sandbox, -300, status="pending")
    seen = alice.changes(ACCOUNT)["next_cursor"]
    sandbox.control("DELETE", f"/transactions/{pending}")
    assert alice.changes(ACCOUNT, seen)["removed"] == [pending]
    assert alice.changes(ACCOUNT)["removed"] == []
    again = sandbox.control("POST", "/transactions/tx_alice_refund/reissue", description="Ref.")
    told = alice.changes(ACCOUNT, seen)
    assert told["removed"] == [pending, "tx_alice_refund"]
    assert ids(told) == [again["id"]]
    assert alice.booked() == 150000


def test_only_a_pending_line_goes_without_asking_twice(sandbox: Sandbox) -> None:
    line = "/_sandbox/transactions/tx_alice_refund"
    assert sandbox.http.delete(line).status_code == 409
    assert sandbox.http.post(f"{line}/settle").status_code == 409
    assert sandbox.http.delete(f"{line}?posted=true").is_success
    assert sandbox.http.delete(line).status_code == 404


def test_windows_tell_lines_by_time_and_from_an_id(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    everything = ids(windows(alice))
    assert everything == ["tx_alice_groceries", "tx_alice_restaurant", "tx_alice_refund"]
    assert ids(windows(alice, limit=2)) == everything[:2]
    assert ids(windows(alice, since="tx_alice_groceries")) == everything[1:]
    assert ids(windows(alice, since="2025-01-04T09:00:00Z")) == everything[2:]
    told = windows(alice, since="tx_unknown")
    assert told["error"] == "invalid_cursor"
    sandbox.control("POST", "/transactions/tx_alice_refund/amend", description="Amended")
    assert windows(alice)["transactions"][2]["description"] == "Amended"


def test_the_whole_history_is_open_for_a_while_only(sandbox: Sandbox) -> None:
    sandbox.control("PUT", "/settings", full_history_s=300)
    alice = sandbox.holder()
    assert len(ids(windows(alice))) == 3
    sandbox.control("POST", "/clock", advance_seconds=300)
    new_line(sandbox, 5)
    assert len(ids(windows(alice))) == len(ids(alice.changes(ACCOUNT))) == 1


def test_a_bad_place_or_size_is_refused(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    for query in ("cursor=x1", "cursor=c999", "limit=0", "limit=101", "limit=x"):
        asked = alice.ask("GET", f"/transactions?account_id={ACCOUNT}&{query}")
        assert asked.status_code == 400, query


def test_another_balance_can_be_reported_and_taken_back(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    told = sandbox.control("POST", f"/accounts/{ACCOUNT}/balance", balance=149000)
    assert (told["balance"], told["booked"], alice.booked()) == (149000, 150000, 149000)
    new_line(sandbox, 10)
    assert alice.booked() == 149010
    sandbox.control("POST", f"/accounts/{ACCOUNT}/balance", balance=150010)
    assert alice.booked() == 150010


def test_the_same_calls_get_the_same_bytes() -> None:
    def story(sandbox: Sandbox) -> bytes:
        sandbox.control("POST", "/clock", now="2025-02-01T00:00:00Z", stopped=True)
        alice = sandbox.holder()
        for number in range(3):
            sandbox.fault("http_error", probability=0.5)
            alice.pay(f"p{number}", 100)
        new_line(sandbox, -5)
        return sandbox.http.get("/_sandbox/truth").content + str(alice.tokens).encode()

    with sandbox_bank(1) as first, sandbox_bank(1) as second, sandbox_bank(2) as other:
        told = story(first)
        assert told == story(second)
        assert told != story(other)
        first.control("POST", "/reset")
        second.control("POST", "/reset")
        assert story(first) == story(second)


def test_what_is_kept_in_a_file_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    with sandbox_bank(path=path) as sandbox:
        alice = sandbox.holder()
        alice.pay("p1", 100)
    with sandbox_bank(path=path) as sandbox:
        again = Holder(sandbox, alice.tokens)
        assert again.booked() == 149900
        assert again.pay("p1", 100).status_code == 200
        sandbox.control("POST", "/reset")
        assert sandbox.holder().booked() == 150000


def test_a_file_written_by_hand_is_the_initial_data(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_text("""{"initial": {
      "accounts": {"acc_1": {"id": "acc_1", "username": "carol", "name": "C", "currency": "JPY"}},
      "lines": {"tx_1": {"id": "tx_1", "account_id": "acc_1", "amount": 7, "currency": "JPY",
                         "description": "x", "occurred_at": 0}}}}""")
    with sandbox_bank(path=path) as sandbox:
        carol = sandbox.holder("carol")
        assert ids(carol.changes("acc_1")) == ["tx_1"]
        assert carol.booked("acc_1") == 7
