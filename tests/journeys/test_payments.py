"""A payment from its creation to its end, alone and in races (AC-54 to 58, 64 to 66)."""

from collections import Counter
from typing import Any

import httpx2

from ledger.identity import new_id
from tests.journeys.people import Ask, Person, Town, payment_body
from tests.journeys.system import System, eventually
from tests.journeys.wire import reason_of


def process(person: Person, payment_id: str, **headers: str) -> Ask:
    return person.asks("POST", f"/api/payments/{payment_id}/process", **headers)


def ended(person: Person, payment_id: str) -> Any:
    """Return a payment once it has come to its end."""

    def look() -> Any:
        found = person.get(f"/api/payments/{payment_id}", server=1)
        return found if found["status"] not in {"PENDING", "PROCESSING"} else None

    return eventually(look, f"payment {payment_id} ends")


def reasons(answers: list[httpx2.Response]) -> Counter[str]:
    return Counter(
        str(answer.status_code) if answer.is_success else reason_of(answer) for answer in answers
    )


def test_a_payment_is_created_processed_and_completed(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    answer = customer.ask("POST", "/api/payments", payment_body(account, "100.00"))
    assert answer.status_code == 201
    assert answer.json()["metadata"] == {"action": "created"}
    payment = answer.json()["data"]
    assert answer.headers["location"] == f"/api/payments/{payment['id']}"
    assert (payment["status"], payment["rail"]) == ("PENDING", "book")
    assert payment["posted_at"] is payment["posting_id"] is payment["hold_id"] is None
    assert customer.balance(account) == "1000.00"

    answer = customer.ask("POST", f"/api/payments/{payment['id']}/process", server=1)
    assert answer.status_code == 202
    assert answer.json()["data"]["status"] == "PROCESSING"
    metadata = answer.json()["metadata"]
    assert metadata["action"] == "processing_started"
    assert metadata["check_status_url"] == f"/api/payments/{payment['id']}/status"

    done = ended(customer, payment["id"])
    assert done["status"] == "COMPLETED"
    assert done["posted_at"] is not None
    posting = f"posting-{done['posting_id']}"
    booked = system.ledgerbank("--json", "events", "list", "--stream", posting).json()
    assert [event["type"] for event in booked] == ["PostingBooked"]
    assert booked[0]["data"]["payment_id"] == payment["id"]
    lines = customer.get(f"/api/accounts/{account}/transactions?type=PAYMENT", server=1)
    assert [(line["amount"], line["posting_id"], line["payment_id"]) for line in lines] == [
        ("100.00", done["posting_id"], payment["id"])
    ]
    found = customer.get(f"/api/accounts/{account}")
    assert (found["balance"], found["held"], found["available"]) == ("900.00", "0.00", "900.00")
    status = customer.get(metadata["check_status_url"])
    assert status["job"]["id"] == metadata["job_id"]
    town.books_balance()


def test_who_prefers_to_wait_sees_the_end(town: Town, customer: Person) -> None:
    payment = customer.payment(town.account(customer))
    answer = town.door.send(process(customer, payment["id"], prefer="wait=30"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.json()["data"]["status"] == "COMPLETED"
    assert answer.json()["metadata"]["action"] == "processed"


def test_fifty_calls_process_a_payment_once(town: Town, customer: Person) -> None:
    account = town.account(customer)
    payment = customer.payment(account, "40.00")
    answers = town.door.race([process(customer, payment["id"])] * 50)
    assert reasons(answers) == {"202": 1, "already_processed": 49}
    assert ended(customer, payment["id"])["status"] == "COMPLETED"
    assert customer.balance(account) == "960.00"
    lines = customer.get(f"/api/accounts/{account}/transactions?type=PAYMENT")
    assert len(lines) == 1


def test_fifty_payments_race_for_a_daily_limit_of_ten(town: Town, customer: Person) -> None:
    account = town.account(customer, "9000.00")
    payments = [customer.payment(account, "100.00")["id"] for _ in range(50)]
    answers = town.door.race([process(customer, payment) for payment in payments])
    assert reasons(answers) == {"202": 10, "daily_limit_exceeded": 40}
    all_end(customer, payments, answers)
    assert customer.balance(account) == "8000.00"


def test_fifty_payments_race_for_the_funds_of_three(town: Town, customer: Person) -> None:
    account = town.account(customer, "300.00")
    payments = [customer.payment(account, "100.00")["id"] for _ in range(50)]
    answers = town.door.race([process(customer, payment) for payment in payments])
    assert reasons(answers) == {"202": 3, "insufficient_funds": 47}
    all_end(customer, payments, answers)
    assert customer.balance(account) == "0.00"


def test_equal_payments_race_on_several_accounts_and_one_wins(town: Town, customer: Person) -> None:
    accounts = [town.account(customer) for _ in range(5)]
    text = f"rent {new_id()}"
    payments = [
        customer.payment(account, "10.00", description=text)["id"]
        for account in accounts
        for _ in range(10)
    ]
    answers = town.door.race([process(customer, payment) for payment in payments])
    assert reasons(answers) == {"202": 1, "duplicate_transaction": 49}
    all_end(customer, payments, answers)
    balances = Counter(customer.balance(account) for account in accounts)
    assert balances == {"1000.00": 4, "990.00": 1}


def all_end(person: Person, payments: list[str], answers: list[httpx2.Response]) -> None:
    """See every payment that was accepted completed, and every other one untouched."""
    for payment, answer in zip(payments, answers, strict=True):
        if answer.is_success:
            assert ended(person, payment)["status"] == "COMPLETED"
        else:
            assert person.get(f"/api/payments/{payment}", server=1)["status"] == "PENDING"


def test_no_customer_raises_a_balance_alone(town: Town, customer: Person) -> None:
    account = town.account(customer, None)
    fields = {"direction": "CREDIT", "payment_type": "DEPOSIT"}
    payment = customer.payment(account, "500.00", **fields)["id"]
    assert reason_of(town.door.send(process(customer, payment))) == "confirmation_required"
    assert customer.balance(account) == "0.00"
    confirmed = town.door.send(process(town.admin, payment, prefer="wait=30"), server=1)
    assert confirmed.json()["data"]["status"] == "COMPLETED"
    assert customer.balance(account) == "500.00"
    own = town.account(town.admin, None)
    payment = town.admin.payment(own, "500.00", **fields)["id"]
    assert reason_of(town.door.send(process(town.admin, payment))) == "confirmation_required"
    assert town.admin.balance(own) == "0.00"


def test_a_pending_payment_can_be_called_off(town: Town, customer: Person) -> None:
    account, stranger = town.account(customer), town.customer()
    for person in (customer, town.support, town.admin):
        payment = customer.payment(account)["id"]
        denied = stranger.ask("DELETE", f"/api/payments/{payment}")
        assert reason_of(denied) == "insufficient_permissions"
        answer = person.ask("DELETE", f"/api/payments/{payment}", server=1)
        assert answer.status_code == 200
        assert answer.json()["metadata"]["action"] == "cancelled"
        assert customer.get(f"/api/payments/{payment}")["status"] == "CANCELLED"
        assert reason_of(town.door.send(process(customer, payment))) == "already_processed"


def test_a_payment_that_is_not_pending_cannot_be_called_off(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    cancelled, completed, processing = (customer.payment(account)["id"] for _ in range(3))
    assert customer.ask("DELETE", f"/api/payments/{cancelled}").status_code == 200
    done = town.door.send(process(customer, completed, prefer="wait=30"))
    assert done.json()["data"]["status"] == "COMPLETED"
    with system.paused("worker-1", "worker-2"):
        assert town.door.send(process(customer, processing)).status_code == 202
        for payment in (cancelled, completed, processing):
            for person in (customer, town.support, town.admin):
                answer = person.ask("DELETE", f"/api/payments/{payment}", server=1)
                assert reason_of(answer) == "already_processed"
    assert ended(customer, processing)["status"] == "COMPLETED"
    assert customer.balance(account) == "980.00"


def head(town: Town) -> int:
    """Return the position of the newest event."""
    answer = town.auditor.ask("GET", "/api/ledger/trial-balance", server=1)
    return int(answer.headers["ledger-position"])


def test_a_dry_run_tells_and_stores_nothing(town: Town, customer: Person) -> None:
    poor, rich = town.account(customer, "50.00"), town.account(customer, "20000.00")
    stopped, twin = town.account(customer, None), customer.payment(rich, "10.00")
    customer.made(f"/api/accounts/{stopped}/deactivate")
    town.door.send(process(customer, twin["id"], prefer="wait=30"))
    assert ended(customer, twin["id"])["status"] == "COMPLETED"
    cases = [
        (payment_body(poor, "50.00"), None),
        (payment_body(poor, "50.01"), "insufficient_funds"),
        (payment_body(rich, "990.00"), None),
        (payment_body(rich, "990.01"), "daily_limit_exceeded"),
        (payment_body(rich, "10000.01"), "amount_exceeds_limit"),
        (payment_body(rich, "10.00", description=twin["description"]), "duplicate_transaction"),
        (payment_body(poor, "10.00", description=twin["description"]), "duplicate_transaction"),
        (payment_body(stopped, "10000.01"), "account_inactive"),
    ]
    before, stood = head(town), customer.get(f"/api/accounts/{rich}")
    for number, (body, reason) in enumerate(cases):
        answer = customer.ask("POST", "/api/payments/validate", body, server=number % 2)
        assert answer.status_code == 200, answer.text
        assert answer.json()["metadata"] == {"action": "validated"}
        found = answer.json()["data"]
        assert found["valid"] is (reason is None), (body, found)
        assert found["account"]["id"] == body["user_bank_account_id"]
        assert found["payment"]["inserted_at"] is None
        if reason is not None:
            assert found["error"]["reason"] == found["error"]["code"] == reason
        gone = customer.ask("GET", f"/api/payments/{found['payment']['id']}")
        assert reason_of(gone) == "payment_not_found"
    assert head(town) == before
    assert customer.get(f"/api/accounts/{rich}") == stood


def test_the_status_of_a_payment_tells_what_can_be_done(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    first, second = (
        customer.payment(account, "10.00", description="the same thing") for _ in range(2)
    )
    status = customer.get(f"/api/payments/{first['id']}/status", server=1)
    assert status["payment"] == first
    assert (status["can_process"], status["is_duplicate"], status["job"]) == (True, False, None)
    assert town.auditor.get(f"/api/payments/{first['id']}/status")["can_process"] is False
    with system.paused("worker-1", "worker-2"):
        assert town.door.send(process(customer, first["id"])).status_code == 202
        listed = customer.get("/api/payments?status=PROCESSING", server=1)
        assert [payment["id"] for payment in listed] == [first["id"]]
        status = customer.get(f"/api/payments/{first['id']}/status", server=1)
        assert (status["payment"]["status"], status["can_process"]) == ("PROCESSING", False)
    ended(customer, first["id"])
    status = customer.get(f"/api/payments/{second['id']}/status")
    assert (status["can_process"], status["is_duplicate"]) == (True, True)
    duplicate = town.door.send(process(customer, second["id"]))
    assert reason_of(duplicate) == "duplicate_transaction"

    def job_is_over() -> bool:
        job = customer.get(f"/api/payments/{first['id']}/status")["job"]
        return bool(job and job["state"] == "completed" and job["attempt"] == 1)

    eventually(job_is_over, "the job is completed")
