"""Payments at the sandbox bank: each id is executed at most once, now, later or never."""

import msgspec

from ops.sandbox_bank.accounts import account_of, add_line
from ops.sandbox_bank.books import Books, Line, Payment
from ops.sandbox_bank.chance import Chance, now
from ops.sandbox_bank.message import Rejected

OPEN = "accepted"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for, in minor units."""

    payment_id: str
    account_id: str
    amount: int
    currency: str
    direction: str
    description: str = ""
    reference: str | None = None


def submit(
    books: Books, chance: Chance, order: Order, key: str, declined: str | None
) -> tuple[Payment, bool]:
    """Take an order; return the payment, and whether it is new.

    The key and the payment id are each good for one order: asked again, the first answer stands.
    """
    known = books.keys.get(key, order.payment_id)
    if known != order.payment_id:
        raise Rejected(422, "idempotency_key_reused")
    if known in books.payments:
        return books.payments[known], False
    payment = Payment(id=chance.name(books, "pay"), status=OPEN, **msgspec.structs.asdict(order))
    books.payments[known] = payment
    books.keys[key] = known
    judge(books, chance, payment, declined)
    return payment, True


def judge(books: Books, chance: Chance, payment: Payment, declined: str | None) -> None:
    """Decline a payment, settle it, or say when."""
    reason = declined or objection(books, payment)
    settings = books.settings
    if reason is not None:
        payment.status, payment.decline_reason = "declined", reason
    elif settings.settlement == "instant":
        settle_payment(books, chance, payment)
    elif settings.settle_after_ms > 0:
        payment.due_at = now(books) + settings.settle_after_ms


def objection(books: Books, payment: Payment) -> str | None:
    """Return why a payment cannot be made, if so."""
    account = account_of(books, payment.account_id)
    if account.closed:
        return "account_closed"
    if account.currency != payment.currency:
        return "currency_mismatch"
    if payment.direction == "DEBIT" and payment.amount > books.booked(account.id):
        return "insufficient_funds"
    return None


def settle_payment(books: Books, chance: Chance, payment: Payment) -> None:
    """Move the money: a line under the payment's id."""
    signed = payment.amount if payment.direction == "CREDIT" else -payment.amount
    line = Line(
        id="",
        account_id=payment.account_id,
        amount=signed,
        currency=payment.currency,
        description=payment.description,
        occurred_at=0,
        payment_id=payment.payment_id,
    )
    payment.transaction_id = add_line(books, chance, line).id
    payment.status, payment.due_at = "settled", None


def finish(books: Books, chance: Chance, payment_id: str, *, failed: bool) -> Payment:
    """End a payment that waits for its settlement."""
    payment = payment_of(books, payment_id)
    if payment.status != OPEN:
        raise Rejected(409, "not_open")
    if failed:
        payment.status, payment.decline_reason, payment.due_at = "failed", "failed", None
    else:
        settle_payment(books, chance, payment)
    return payment


def payment_of(books: Books, payment_id: str) -> Payment:
    """Return a payment. Raises `Rejected`."""
    if payment_id not in books.payments:
        raise Rejected(404, "payment_not_found")
    return books.payments[payment_id]


def cancel(books: Books, chance: Chance, payment_id: str) -> Payment:
    """Never execute a payment: one that is open, or one that was never heard of."""
    payment = books.payments.get(payment_id)
    if payment is None:
        payment = Payment(id=chance.name(books, "pay"), payment_id=payment_id, status="cancelled")
        books.payments[payment_id] = payment
    if payment.status == OPEN:
        payment.status, payment.due_at = "cancelled", None
    if payment.status != "cancelled":
        raise Rejected(409, "not_open")
    return payment


def due(books: Books) -> list[Payment]:
    """Return the payments whose time to settle has come."""
    moment = now(books)
    return [
        payment
        for payment in books.payments.values()
        if payment.due_at is not None and payment.due_at <= moment
    ]
