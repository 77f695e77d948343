"""Decisions that leave no trace: what would become of a payment, asked before it is made."""

import msgspec

from ledger.aggregates import account
from ledger.aggregates.payment import Pending
from ledger.commands.asked import Loaded
from ledger.commands.payment import RehearsePayment
from ledger.decisions.payments import (
    addressed,
    created,
    hold_for,
    refuse_closed_destination,
    refuse_duplicate,
    refuse_oversized,
    refuse_small,
    refuse_without_rail,
)
from ledger.decisions.standing import refuse_standing
from ledger.decisions.view import View
from ledger.errors import Refused
from ledger.events.payment import PaymentCreated


class Rehearsal(msgspec.Struct, frozen=True):
    """The payment as it would be, its account as it is, and what would refuse it, if anything."""

    payment: Loaded
    account: Loaded
    refused: Refused | None


def rehearse_payment(view: View, command: RehearsePayment) -> str:
    """Judge a payment in the order of §6.2: state, limits, funds, the day's limit, duplicates."""
    stream = f"payment-{command.payment_id}"
    source, amount = addressed(view, command)
    terms = created(view, command, source, amount)
    refused: Refused | None = None
    try:
        judge(view, command.payment_id, terms)
    except Refused as told:
        refused = told
    payment = Loaded(Pending(terms), 0, "", "", stream)
    known = view.load(f"account-{command.user_bank_account_id}")
    account_now = msgspec.structs.replace(known, state=account.awake(source, view.now))
    return view.tell(stream, Rehearsal(payment, account_now, refused))


def judge(view: View, payment_id: str, terms: PaymentCreated) -> None:
    """Refuse what creating and processing would refuse; confirmation is asked for later."""
    source = view.state(f"account-{terms.user_bank_account_id}")
    refuse_standing(view, source, terms.direction)
    refuse_closed_destination(view, terms)
    refuse_small(view, source, terms.amount)
    refuse_oversized(view, source, terms.amount)
    refuse_without_rail(view, terms.destination_account_id, source)
    if terms.direction == "DEBIT":
        account.decide(source, hold_for(view, payment_id, terms, source))
    refuse_duplicate(view, payment_id, terms)
