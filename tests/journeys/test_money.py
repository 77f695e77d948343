"""Money between accounts: repeated, raced, refused, always in balance (AC-19, 20, 44, 46, 54)."""

from collections import Counter
from decimal import Decimal

from ledger.identity import new_id
from tests.journeys.people import Person, Town, payment_body
from tests.journeys.system import System
from tests.journeys.wire import problem_of, reason_of


def test_a_hundred_transfers_race_for_the_money_of_fifty(town: Town, customer: Person) -> None:
    source, destination = town.account(customer, "500.00"), town.account(customer, None)
    asks = [customer.transfer(source, destination, "10.00") for _ in range(100)]
    answers = town.door.race(asks)
    assert Counter(answer.status_code for answer in answers) == {201: 50, 422: 50}
    refused = {reason_of(answer) for answer in answers if answer.status_code == 422}
    assert refused == {"insufficient_funds"}
    assert customer.balance(source) == "0.00"
    assert customer.balance(destination) == "500.00"
    town.books_balance()


def test_opposite_transfers_neither_block_nor_lose_money(town: Town, customer: Person) -> None:
    one, two = town.account(customer, "500.00"), town.account(customer, "500.00")
    there = [customer.transfer(one, two, "7.00") for _ in range(40)]
    back = [customer.transfer(two, one, "3.00") for _ in range(40)]
    asks = [ask for pair in zip(there, back, strict=True) for ask in pair]
    answers = town.door.race(asks)
    assert {answer.status_code for answer in answers} == {201}
    assert customer.balance(one) == "340.00"
    assert customer.balance(two) == "660.00"
    town.books_balance()


def test_one_key_moves_money_once(town: Town, customer: Person) -> None:
    source, destination = town.account(customer), town.account(customer, None)
    key = new_id()
    ask = customer.transfer(source, destination, "25.00", idempotency_key=key)
    answers = town.door.race([ask] * 50)
    first = next(answer for answer in answers if answer.status_code == 201)
    for answer in answers:
        if answer.status_code == 201:
            assert answer.content == first.content
        else:
            assert reason_of(answer) == "idempotency_in_progress"
            assert answer.headers["retry-after"] == "1"
    assert customer.balance(source) == "975.00"
    again = town.door.send(ask, server=1)
    assert again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    for name in ("location", "etag"):
        assert again.headers.get(name) == first.headers.get(name)
    assert customer.balance(destination) == "25.00"


def test_a_key_belongs_to_one_request_of_one_caller(town: Town, customer: Person) -> None:
    source, destination, key = town.account(customer), town.account(customer, None), new_id()
    moved = town.door.send(customer.transfer(source, destination, "1.00", idempotency_key=key))
    assert moved.status_code == 201
    other = customer.transfer(source, destination, "2.00", idempotency_key=key)
    assert reason_of(town.door.send(other, server=1)) == "idempotency_key_reused"
    stranger = town.customer()
    theirs = town.account(stranger), town.account(stranger, None)
    independent = town.door.send(stranger.transfer(*theirs, "2.00", idempotency_key=key))
    assert independent.status_code == 201
    assert "idempotent-replayed" not in independent.headers
    assert customer.balance(source) == "999.00"


def test_a_corrected_request_may_use_its_key_again(town: Town, customer: Person) -> None:
    source, destination, key = town.account(customer), town.account(customer, None), new_id()
    wrong = customer.transfer(source, destination, "1e2", idempotency_key=key)
    assert reason_of(town.door.send(wrong)) == "invalid_amount_format"
    right = customer.transfer(source, destination, "100.00", idempotency_key=key)
    assert town.door.send(right, server=1).status_code == 201
    assert customer.balance(source) == "900.00"


def test_a_refusal_for_want_of_money_is_remembered(town: Town, customer: Person) -> None:
    source, rich, key = town.account(customer, None), town.account(customer), new_id()
    poor = customer.transfer(source, rich, "5.00", idempotency_key=key)
    first = town.door.send(poor)
    assert reason_of(first) == "insufficient_funds"
    assert town.door.send(customer.transfer(rich, source, "50.00")).status_code == 201
    again = town.door.send(poor, server=1)
    assert (again.status_code, again.content) == (422, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert customer.balance(source) == "50.00"


def test_strangers_learn_nothing_and_move_nothing(town: Town, customer: Person) -> None:
    account = town.account(customer, "777.31")
    payment = customer.payment(account, "55.17")
    stranger = town.customer()
    own = town.account(stranger)
    before = town.auditor.get(f"/api/accounts/{account}", server=1)
    asks = [
        stranger.asks("POST", "/api/payments", payment_body(account)),
        stranger.asks("POST", "/api/payments/validate", payment_body(account)),
        stranger.asks("POST", "/api/payments/validate", payment_body(account, "9999.00")),
        stranger.asks("POST", f"/api/payments/{payment['id']}/process"),
        stranger.asks("DELETE", f"/api/payments/{payment['id']}"),
        stranger.transfer(account, own, "1.00"),
        stranger.transfer(account, own, "9999.00"),
        stranger.asks("GET", f"/api/payments/{payment['id']}"),
        stranger.asks("GET", f"/api/payments/{payment['id']}/status"),
        stranger.asks("GET", f"/api/accounts/{account}"),
        stranger.asks("GET", f"/api/accounts/{account}/balance"),
        stranger.asks("GET", f"/api/accounts/{account}/transactions"),
        stranger.asks("GET", f"/api/transactions?account_id={account}"),
        stranger.asks("GET", f"/api/accounts?user_id={customer.id}"),
        stranger.asks("GET", "/api/payments?scope=all"),
    ]
    for number, ask in enumerate(asks):
        answer = town.door.send(ask, server=number % 2)
        assert answer.status_code in {403, 404}, (ask, answer.text)
        for figure in ("777.31", "55.17", "722.14"):
            assert figure not in answer.text
    assert town.auditor.get(f"/api/accounts/{account}", server=1) == before
    assert stranger.balance(own) == "1000.00"


def test_a_transfer_is_refused_in_the_documented_way(town: Town, customer: Person) -> None:
    dollars = town.account(customer)
    euros = town.account(customer, currency="EUR")
    refused = {
        (dollars, dollars): "same_account_transfer",
        (dollars, euros): "currency_mismatch",
        (dollars, new_id()): "account_not_found",
        (dollars, "not-a-uuid"): "invalid_uuid_format",
    }
    for (source, destination), reason in refused.items():
        answer = town.door.send(customer.transfer(source, destination, "1.00"))
        assert reason_of(answer) == reason
    stranger = town.account(town.customer(), None)
    assert town.door.send(customer.transfer(dollars, stranger, "1.00")).status_code == 201
    short = problem_of(town.door.send(customer.transfer(dollars, stranger, "999.01")))
    assert short["reason"] == "insufficient_funds"
    assert customer.balance(dollars) == "999.00"


def test_only_a_strangers_active_account_is_paid_to(town: Town, customer: Person) -> None:
    source, stranger = town.account(customer), town.customer()
    theirs = {
        verb: town.account(stranger, None) for verb in ("deactivate", "freeze", "close", "nothing")
    }
    for verb, body in (("deactivate", None), ("freeze", {"reason": "stolen"}), ("close", None)):
        town.admin.made(f"/api/accounts/{theirs[verb]}/{verb}", body)
    expected = dict.fromkeys(("deactivate", "close"), "account_inactive")
    expected |= {"freeze": "account_frozen"}
    for verb, reason in expected.items():
        for asked in (source, theirs[verb]), (theirs[verb], source):
            payer = customer if asked[0] == source else stranger
            answer = town.door.send(payer.transfer(*asked, "1.00"), server=1)
            assert (answer.status_code, reason_of(answer)) == (422, reason), verb
    assert town.door.send(customer.transfer(source, theirs["nothing"], "1.00")).status_code == 201
    assert stranger.balance(theirs["nothing"]) == "1.00"


def test_every_posting_sums_to_zero_and_the_books_hold(
    system: System, town: Town, customer: Person
) -> None:
    source, destination = town.account(customer), town.account(customer, None)
    assert town.door.send(customer.transfer(source, destination, "12.34")).status_code == 201
    postings = system.ledgerbank(
        "--json", "events", "list", "--type", "PostingBooked", "--limit", "10000"
    ).json()
    assert any(
        entry["account_id"] == source for each in postings for entry in each["data"]["entries"]
    )
    for posting in postings:
        sums: Counter[str] = Counter()
        for entry in posting["data"]["entries"]:
            sums[entry["currency"]] += entry["amount"]
        assert not any(sums.values()), posting
        assert len(posting["data"]["entries"]) >= 2
    town.books_balance()
    checked = system.ledgerbank("ledger", "check")
    assert checked.code == 0, checked


def test_a_balance_is_the_sum_of_its_transactions(town: Town, customer: Person) -> None:
    account, other = town.account(customer, "100.00"), town.account(customer, None)
    for amount in ("10.00", "20.50", "0.01"):
        assert town.door.send(customer.transfer(account, other, amount)).status_code == 201
    assert town.door.send(customer.transfer(other, account, "5.00")).status_code == 201
    lines = customer.get(f"/api/accounts/{account}/transactions?sort=posted_at:asc", server=1)
    running = Decimal()
    for line in lines:
        signed = Decimal(line["amount"]) * (1 if line["direction"] == "CREDIT" else -1)
        running += signed
        assert Decimal(line["balance_after"]) == running
    assert len(lines) == 5
    assert customer.balance(account) == str(running) == "74.49"
