"""What the sandbox bank holds before anybody asks: the outside half of the product's demo data.

A payment id here is that of the product's own demo payment, so that a sync knows it again.
"""

from typing import NamedTuple

from ops.sandbox_bank.accounts import add_line
from ops.sandbox_bank.books import Account, Books, Line
from ops.sandbox_bank.chance import Chance, moment_of


class Told(NamedTuple):
    """One line as it is written down here; the amount in minor units, the day in January 2025."""

    id: str
    day: int
    amount: int
    description: str
    payment_id: str | None = None


ALICE = Account(
    id="acc_alice_checking",
    username="alice123",
    name="Alice Checking",
    currency="USD",
    type="CHECKING",
    last_four="1234",
    opening=144_550,
)
BOB = Account(
    id="acc_bob_savings",
    username="bob456",
    name="Bob Savings",
    currency="GBP",
    type="SAVINGS",
    last_four="5678",
    opening=86_000,
)
GROCERIES = "43e57b1b-4540-5441-af3e-21eb9fef7fbf"
SALARY = "e01f8e75-3d52-590a-aca3-522802ec44d0"
HISTORY = (
    (
        ALICE,
        (
            Told("tx_alice_groceries", 2, -10_000, "Grocery Shopping", GROCERIES),
            Told("tx_alice_restaurant", 3, -4_550, "Restaurant"),
            Told("tx_alice_refund", 4, 20_000, "Refund"),
        ),
    ),
    (
        BOB,
        (
            Told("tx_bob_salary", 2, 50_000, "Salary Deposit", SALARY),
            Told("tx_bob_shopping", 3, -6_000, "Online Shopping"),
            Told("tx_bob_bonus", 4, 120_000, "Bonus"),
        ),
    ),
)


def initial_books(chance: Chance) -> Books:
    """Return the books of a bank that has just opened."""
    books = Books()
    for account, lines in HISTORY:
        copy = Account(**{name: getattr(account, name) for name in account.__struct_fields__})
        books.accounts[copy.id] = copy
        for told in lines:
            line = Line(
                id=told.id,
                account_id=copy.id,
                amount=told.amount,
                currency=copy.currency,
                description=told.description,
                occurred_at=moment_of(f"2025-01-{told.day:02}T09:00:00Z"),
                payment_id=told.payment_id,
            )
            add_line(books, chance, line)
    return books
