"""Decisions about payments, from the wish to the rail (ledger.md §6.2, §6.3)."""

from ledger.aggregates import account, payment
from ledger.aggregates.account_states import Open
from ledger.aggregates.payment import Pending, Uncreated
from ledger.commands.account import PlaceHold
from ledger.commands.payment import CreatePayment, ProcessPayment
from ledger.decisions import unfinished
from ledger.decisions.accounts import open_state
from ledger.decisions.connections import refuse_unreachable
from ledger.decisions.standing import (
    daily_limit,
    refuse_standing,
    single_limit,
)
from ledger.decisions.view import Claim, View
from ledger.errors import Reason, Refused
from ledger.events.event import sealed, sealed_or_none
from ledger.events.payment import (
    PaymentCreated,
    PaymentFailed,
    PaymentProcessingStarted,
)
from ledger.money import parse_positive
from ledger.policies import access
from ledger.policies.banks import PAYING
from ledger.policies.duplicates import FINGERPRINT, duplicate_parts

SECONDS_PER_MINUTE = 60


def create_payment(view: View, command: CreatePayment) -> str:
    """Ask for a payment: judged in the order of §6.2; funds and limits of the day come later."""
    stream = f"payment-{command.payment_id}"
    if not isinstance(view.begin(stream), Uncreated):
        return stream
    source, amount = addressed(view, command)
    refuse_small(view, source, amount)
    refuse_standing(view, source, command.direction)
    refuse_oversized(view, source, amount)
    refuse_without_rail(view, command.destination_account_id, source)
    terms = created(view, command, source, amount)
    view.record(stream, terms)
    unfinished.wished(view, terms)
    return stream


def addressed(view: View, command: CreatePayment) -> tuple[Open, int]:
    """Return the account and the amount in its minor units; refuse in the order of §6.2."""
    source = open_state(view, command.user_bank_account_id)
    access.may_pay_from(view.caller, source.user_id)
    if command.destination_account_id is not None:
        destination = open_state(view, command.destination_account_id)
        refuse_destination(command, source, destination)
    if command.currency not in {None, source.currency}:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=source.currency)
    return source, parse_positive(command.amount, source.currency)


def refuse_destination(command: CreatePayment, source: Open, destination: Open) -> None:
    """Refuse the same account twice, then currencies that differ."""
    if command.destination_account_id == command.user_bank_account_id:
        raise Refused(Reason.SAME_ACCOUNT_TRANSFER)
    if destination.currency != source.currency:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=source.currency)


def refuse_small(view: View, source: Open, amount: int) -> None:
    """Refuse what is below the smallest amount that may move (§5.1)."""
    smallest = view.rules.smallest(source.currency)
    if amount < smallest:
        raise Refused(Reason.AMOUNT_TOO_SMALL, field="amount", smallest=source.shown(smallest))


def refuse_without_rail(view: View, destination: str | None, source: Open) -> None:
    """Refuse what no rail moves: out of a bank that only tells, or between mirrors (§6.5)."""
    if source.bank_connection_id is not None and source.provider not in PAYING:
        raise Refused(Reason.RAIL_UNAVAILABLE)
    if destination is None:
        return
    if source.bank_connection_id or open_state(view, destination).bank_connection_id:
        raise Refused(Reason.RAIL_UNAVAILABLE)


def rail_of(source: Open) -> str:
    """Return the rail that an account pays on: its bank's, or the house's own (§6.5)."""
    linked = source.bank_connection_id is not None and source.provider is not None
    return source.provider if linked and source.provider else "book"


def created(view: View, command: CreatePayment, source: Open, amount: int) -> PaymentCreated:
    """Tell what was asked for."""
    return PaymentCreated(
        user_id=source.user_id,
        user_bank_account_id=command.user_bank_account_id,
        amount=amount,
        currency=source.currency,
        direction=command.direction,
        payment_type=command.payment_type,
        description=sealed(command.description),
        reference=sealed_or_none(command.reference),
        rail=rail_of(source),
        destination_account_id=command.destination_account_id,
        scheduled_at=command.scheduled_at,
        priority=command.priority,
        processing=command.processing,
        created_by=view.caller.id or view.caller.type,
    )


def process_payment(view: View, command: ProcessPayment) -> str:
    """Start a payment; for a background trigger a failed check is the payment's end (§6.1)."""
    stream = f"payment-{command.payment_id}"
    state = view.state(stream)
    if isinstance(state, Uncreated):
        raise Refused(Reason.PAYMENT_NOT_FOUND)
    access.may_process_payment(view.caller, state.terms.user_id)
    view.match_version(stream)
    pending = payment.refuse_unless_pending(state)
    try:
        hold_id = start(view, command, pending)
    except Refused as refused:
        if command.trigger == "caller":
            raise
        fail_at_once(view, stream, command.trigger, refused)
        unfinished.dropped(view, pending.terms)
        return stream
    unfinished.started(view, pending.terms)
    view.record(stream, PaymentProcessingStarted(hold_id=hold_id, trigger=command.trigger))
    return stream


def start(view: View, command: ProcessPayment, pending: Pending) -> str | None:
    """Judge checks 5 to 10 of §6.3, hold the funds of a DEBIT, claim the fingerprint."""
    terms, stream = pending.terms, f"account-{pending.terms.user_bank_account_id}"
    source = open_state(view, terms.user_bank_account_id)
    if terms.direction == "CREDIT" and terms.rail == "book":
        refuse_unconfirmed(view, command.trigger, source)
    refuse_standing(view, source, terms.direction)
    refuse_closed_destination(view, terms)
    if terms.rail != "book":
        refuse_unreachable(view, source)
    if terms.direction == "CREDIT":
        refuse_oversized(view, source, terms.amount)
        refuse_duplicate(view, command.payment_id, terms)
        return None
    events = account.decide(source, hold_for(view, command.payment_id, terms, source))
    refuse_duplicate(view, command.payment_id, terms)
    view.record(stream, *events)
    return command.payment_id


def refuse_closed_destination(view: View, terms: PaymentCreated) -> None:
    """Refuse to pay to an account of the house that cannot be paid to."""
    if terms.destination_account_id is not None:
        destination = open_state(view, terms.destination_account_id)
        refuse_standing(view, destination, "CREDIT")


def refuse_unconfirmed(view: View, trigger: str, source: Open) -> None:
    """Refuse money in that neither a signed webhook nor an admin of another's account confirms."""
    if trigger == "caller":
        access.may_confirm_money_in(view.caller, source.user_id)
    elif trigger != "webhook":
        raise Refused(Reason.CONFIRMATION_REQUIRED)


def refuse_oversized(view: View, source: Open, amount: int) -> None:
    """Refuse what is over the single limit."""
    limit = single_limit(view, source)
    if limit is not None and amount > limit:
        raise Refused(Reason.AMOUNT_EXCEEDS_LIMIT, limit=source.shown(limit))


def hold_for(view: View, payment_id: str, terms: PaymentCreated, source: Open) -> PlaceHold:
    """Return the hold that a DEBIT payment needs; it never expires (§5.3)."""
    return PlaceHold(
        account_id=terms.user_bank_account_id,
        hold_id=payment_id,
        amount=terms.amount,
        purpose="PAYMENT",
        placed_by=view.caller.id or view.caller.type,
        payment_id=payment_id,
        destination_account_id=terms.destination_account_id,
        description=terms.description,
        reference=terms.reference,
        single_limit=single_limit(view, source),
        daily_limit=daily_limit(view, source),
        now=view.now,
    )


def refuse_duplicate(view: View, payment_id: str, terms: PaymentCreated) -> None:
    """Claim what makes a payment a duplicate; refuse while another one has it (§6.5)."""
    if not view.rules.detect_duplicates:
        return
    key = fingerprint(view, terms)
    held = view.claim(FINGERPRINT, key)
    if held is not None and held.holder != payment_id:
        minutes = view.rules.duplicate_window_seconds // SECONDS_PER_MINUTE
        raise Refused(Reason.DUPLICATE_TRANSACTION, window_minutes=minutes)
    view.change_claim(FINGERPRINT, key, Claim(payment_id))


def fingerprint(view: View, terms: PaymentCreated) -> str:
    """Return the keyed hash by which two payments are the same; account and type do not count."""
    text = view.reveal(terms.description)
    return view.digest(
        *duplicate_parts(terms.user_id, terms.amount, terms.currency, text, terms.direction)
    )


def fail_at_once(view: View, stream: str, trigger: str, refused: Refused) -> None:
    """Record a payment that a background trigger started and that failed its checks."""
    view.record(
        stream,
        PaymentProcessingStarted(hold_id=None, trigger=trigger),
        PaymentFailed(reason=refused.reason, category=refused.reason.fact.category, attempts=1),
    )
