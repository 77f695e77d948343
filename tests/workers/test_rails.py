"""What every rail promises, asked of every rail."""

from collections.abc import Callable

import pytest

from ledger.identity import new_id
from tests.workers.rails_of_tests import OutsideRail
from workers.rails.book import BookRail
from workers.rails.rail import Order, Rail, Settled, Unknown, Withdrawn

RAILS: list[Callable[[], Rail]] = [BookRail, OutsideRail]


@pytest.fixture(params=RAILS, ids=lambda rail: rail.__name__)
def rail(request: pytest.FixtureRequest) -> Rail:
    made: Rail = request.param()
    return made


@pytest.fixture
def order() -> Order:
    return Order(
        payment_id=new_id(), amount=100, currency="USD", direction="DEBIT", account_id=new_id()
    )


def test_the_same_order_gets_the_same_answer(rail: Rail, order: Order) -> None:
    assert isinstance(rail.submit(order), Settled)
    assert rail.submit(order) == rail.submit(order)


def test_what_was_never_submitted_is_unknown(rail: Rail, order: Order) -> None:
    assert rail.state_of(order.payment_id) == Unknown()


def test_what_was_never_submitted_can_be_withdrawn_again_and_again(
    rail: Rail, order: Order
) -> None:
    assert rail.withdraw(order.payment_id) == Withdrawn()
    assert rail.withdraw(order.payment_id) == Withdrawn()
