"""Money between accounts: repeated, raced, refused, and always in balance (AC-19, 20, 44, 46)."""

from decimal import Decimal

from ledger.identity import new_id
from tests.journeys.people import Person, Town
from tests.journeys.system import System
from tests.journeys.wire import reason_of


def test_a_hundred_transfers_race_for_the_money_of_fifty(town: Town, customer: Person) -> None:
    source, destination = town.account(customer, "500.00"), town.account(customer, None)
    asks = [customer.transfer(source, destination, "10.00") for _ in range(100)]
    answers = town.door.race(asks)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(422)) == (50, 50), statuses
    refused = {reason_of(answer) for answer in answers if answer.status_code == 422}
    assert refused == {"insufficient_funds"}
    assert customer.balance(source) == "0.00"
    assert customer.balance(destination) == "500.00"
    town.books_balance()
