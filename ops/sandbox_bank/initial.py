"""What the sandbox bank holds before anybody asks: the outside half of the product's demo data.

A payment id here is that of the product's own demo payment, so that a sync knows it again. Both
customers have consented to the product for good, so that a demo of last year still works.
"""

from typing import NamedTuple

import msgspec

from ops.sandbox_bank.accounts import add_line
from ops.sandbox_bank.books import Account, Books, Consent, Line, Payment, Token
from ops.sandbox_bank.chance import Chance, hashed, moment_of

OPENED, FOR_GOOD = "2025-01-01T09:00:00Z", "2200-01-01T00:00:00Z"
SCOPE = "read write"
BEGINNING = "c0"
"""The place in the changes of an account behind which everything is told."""


class Told(NamedTuple):
    """One line as it is written down here; the amount in minor units, the day in January 2025."""

    id: str
    day: int
    amount: int
    description: str
    payment_id: str | None = None

    @property
    def occurred_at(self) -> str:
        """Return when the money moved."""
        return f"2025-01-{self.day:02}T09:00:00Z"


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
        books.accounts[account.id] = msgspec.structs.replace(account)
        allow(books, account.username)
        for told in lines:
            line = Line(
                id=told.id,
                account_id=account.id,
                amount=told.amount,
                currency=account.currency,
                description=told.description,
                occurred_at=moment_of(told.occurred_at),
                payment_id=told.payment_id,
            )
            add_line(books, chance, line)
            if told.payment_id is not None:
                record_payment(books, line, told.payment_id)
    return books


def allow(books: Books, username: str) -> None:
    """Let the product read and pay for a customer, for good."""
    until = moment_of(FOR_GOOD)
    consent = Consent(
        id=f"consent_demo_{username}",
        username=username,
        scope=SCOPE,
        given_at=moment_of(OPENED),
        expires_at=until,
    )
    books.consents[consent.id] = consent
    kept = Token(consent_id=consent.id, expires_at=until, lasting=True)
    books.refresh[hashed(lasting_refresh(username))] = kept


def lasting_refresh(username: str) -> str:
    """Return what a demo deployment gets access with; not a secret, as nothing here is."""
    return f"demo-refresh-{username}"


def record_payment(books: Books, line: Line, payment_id: str) -> None:
    """Remember the payment that a line is, so that it is not made once more."""
    books.keys[payment_id] = payment_id
    books.payments[payment_id] = Payment(
        id=line.id.replace("tx_", "pay_"),
        payment_id=payment_id,
        status="settled",
        account_id=line.account_id,
        amount=abs(line.amount),
        currency=line.currency,
        direction="CREDIT" if line.amount > 0 else "DEBIT",
        description=line.description,
        transaction_id=line.id,
    )
