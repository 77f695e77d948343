"""Unfinished: how many payments an account still waits for, so that closing it cannot race them.

The number is the holder of a claim: it is written in the append that begins or ends a payment, and
nobody can decide upon an old one. An account waits for its own payments from their creation on,
and for money on its way to it from the moment that payment is started.
"""

from ledger.decisions.view import Claim, View
from ledger.events.payment import PaymentCreated

UNFINISHED = "unfinished_payments"


def count(view: View, account_id: str) -> int:
    """Return how many payments an account waits for."""
    known = view.known_claim(UNFINISHED, account_id)
    return 0 if known is None else int(known.holder)


def begin(view: View, account_id: str) -> None:
    """Count one payment more."""
    view.change_claim(UNFINISHED, account_id, Claim(str(count(view, account_id) + 1)))


def end(view: View, account_id: str) -> None:
    """Count one payment less."""
    left = count(view, account_id) - 1
    if left >= 0:
        after = Claim(str(left)) if left else None
        view.change_claim(UNFINISHED, account_id, after)


def wished(view: View, terms: PaymentCreated) -> None:
    """Count a payment that has been asked for."""
    begin(view, terms.user_bank_account_id)


def started(view: View, terms: PaymentCreated) -> None:
    """Count a payment at the account it is on its way to."""
    if terms.destination_account_id is not None:
        begin(view, terms.destination_account_id)


def settled(view: View, terms: PaymentCreated) -> None:
    """Forget a payment that was started, and has ended."""
    if terms.destination_account_id is not None:
        end(view, terms.destination_account_id)
    end(view, terms.user_bank_account_id)


def dropped(view: View, terms: PaymentCreated) -> None:
    """Forget a payment that ends before it was started."""
    end(view, terms.user_bank_account_id)
