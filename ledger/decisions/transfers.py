"""Decisions about transfers: immediate and atomic, never pending (ledger.md §5.2)."""

from decimal import Decimal

import msgspec

from ledger.aggregates import account
from ledger.aggregates.account_funds import refuse_oversized
from ledger.aggregates.account_states import Open
from ledger.aggregates.posting import Untransferred
from ledger.commands.account import CreditAccount, DebitAccount
from ledger.commands.quote import UseQuote
from ledger.commands.transfer import MakeTransfer
from ledger.decisions.accounts import open_state
from ledger.decisions.periods import refuse_back_dating, refuse_closed, restate
from ledger.decisions.quotes import asker, judge_quote, spend_quote
from ledger.decisions.standing import daily_limit, refuse_credit, refuse_debit, single_limit
from ledger.decisions.view import View
from ledger.entries import Entry
from ledger.errors import Reason, Refused
from ledger.events.account import AccountEvent
from ledger.events.event import sealed, sealed_or_none
from ledger.events.posting import PostingBooked
from ledger.events.transfer import TransferBooked
from ledger.identity import numbered_id
from ledger.money import parse_positive
from ledger.policies import access
from ledger.policies.exchange import rate_text


class Movement(msgspec.Struct, frozen=True):
    """What leaves the source and what arrives, in minor units of each; `rate` between currencies.

    A None limit is one that does not apply.
    """

    amount: int
    currency: str
    arriving: int
    arriving_currency: str
    rate: str | None
    single_limit: int | None
    daily_limit: int | None


def make_transfer(view: View, command: MakeTransfer) -> str:
    """Debit the source, credit the destination and book the posting: all or nothing.

    Every refusal comes before anything is recorded, so that a bulk can go on after one.
    """
    stream = f"transfer-{command.transfer_id}"
    if not isinstance(view.begin(stream), Untransferred):
        return stream
    source = open_state(view, command.source_account_id)
    destination = open_state(view, command.destination_account_id)
    access.may_transfer_from(view.caller, source.user_id)
    refuse_back_dating(view, command.effective_at)
    refuse_mismatch(command, source, destination)
    amount = parse_positive(command.amount, source.currency, view.rules.smallest(source.currency))
    refuse_debit(view, source)
    refuse_credit(destination)
    refuse_closed(view, command.effective_at)
    moved = movement(view, command, amount, source, destination)
    debited, credited = both_sides(view, command, moved, source, destination)
    view.effective_at = command.effective_at
    if command.fx_quote_id is not None:
        spend_quote(view, command.fx_quote_id, command.transfer_id)
    posting = f"posting-{command.posting_id}"
    view.begin(posting)
    view.record(posting, posted(command, moved))
    view.record(f"account-{command.source_account_id}", *debited)
    view.record(f"account-{command.destination_account_id}", *credited)
    view.record(stream, transferred(view, command, moved))
    restate(view, command.effective_at, command.posting_id)
    return stream


def refuse_mismatch(command: MakeTransfer, source: Open, destination: Open) -> None:
    """Refuse the same account twice, then currencies that differ without a quote."""
    if command.source_account_id == command.destination_account_id:
        raise Refused(Reason.SAME_ACCOUNT_TRANSFER, field="destination_account_id")
    if command.currency not in {None, source.currency}:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=source.currency)
    if source.currency != destination.currency and command.fx_quote_id is None:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=source.currency)
    if source.bank_connection_id or destination.bank_connection_id:
        raise Refused(Reason.RAIL_UNAVAILABLE)


def movement(
    view: View, command: MakeTransfer, amount: int, source: Open, destination: Open
) -> Movement:
    """Return what moves where: single limit and quote judged, funds and the day's limit not yet."""
    single, daily = limits_of(view, source, destination)
    refuse_oversized(source, amount, single)
    arriving, rate = amount, None
    if command.fx_quote_id is not None:
        asked = UseQuote(
            quote_id=command.fx_quote_id,
            transfer_id=command.transfer_id,
            source_currency=source.currency,
            destination_currency=destination.currency,
            source_amount=amount,
            asked_by=asker(view),
            now=view.now,
        )
        terms = judge_quote(view, asked)
        arriving, rate = terms.destination_amount, rate_text(Decimal(terms.rate))
    return Movement(amount, source.currency, arriving, destination.currency, rate, single, daily)


def limits_of(view: View, source: Open, destination: Open) -> tuple[int | None, int | None]:
    """Return the single and the daily limit that apply (ledger.md §5.1)."""
    limited = source.user_id != destination.user_id
    return single_limit(view, source), daily_limit(view, source) if limited else None


def both_sides(
    view: View, command: MakeTransfer, moved: Movement, source: Open, destination: Open
) -> tuple[list[AccountEvent], list[AccountEvent]]:
    """Return what happens on both accounts; refuse what is over the funds or the day's limit."""
    debit = DebitAccount(
        account_id=command.source_account_id,
        posting_id=command.posting_id,
        entry_id=numbered_id(command.posting_id, 1),
        amount=moved.amount,
        single_limit=moved.single_limit,
        daily_limit=moved.daily_limit,
        now=view.now,
    )
    credit = CreditAccount(
        account_id=command.destination_account_id,
        posting_id=command.posting_id,
        entry_id=numbered_id(command.posting_id, 4 if moved.rate else 2),
        amount=moved.arriving,
    )
    return account.decide(source, debit), account.decide(destination, credit)


def posted(command: MakeTransfer, moved: Movement) -> PostingBooked:
    """Return the posting: the source is debited, the destination credited."""
    return PostingBooked(
        posting_id=command.posting_id,
        kind="FX" if moved.rate else "TRANSFER",
        entries=entries_of(command, moved),
        description=sealed(command.description),
        reference=sealed_or_none(command.reference),
        transfer_id=command.transfer_id,
    )


def entries_of(command: MakeTransfer, moved: Movement) -> tuple[Entry, ...]:
    """Return two entries, or four that pass the house's positions in both currencies."""
    posting_id, amount, arriving = command.posting_id, moved.amount, moved.arriving
    out = Entry(
        entry_id=numbered_id(posting_id, 1),
        account_id=command.source_account_id,
        amount=-amount,
        currency=moved.currency,
    )
    into = Entry(
        entry_id=numbered_id(posting_id, 4 if moved.rate else 2),
        account_id=command.destination_account_id,
        amount=arriving,
        currency=moved.arriving_currency,
    )
    if moved.rate is None:
        return out, into
    taken = Entry(
        entry_id=numbered_id(posting_id, 2),
        account_code=f"fx:{moved.currency}",
        amount=amount,
        currency=moved.currency,
    )
    given = Entry(
        entry_id=numbered_id(posting_id, 3),
        account_code=f"fx:{moved.arriving_currency}",
        amount=-arriving,
        currency=moved.arriving_currency,
    )
    return out, taken, given, into


def transferred(view: View, command: MakeTransfer, moved: Movement) -> TransferBooked:
    """Tell what was moved, and by whom."""
    return TransferBooked(
        source_account_id=command.source_account_id,
        destination_account_id=command.destination_account_id,
        amount=moved.amount,
        currency=moved.currency,
        destination_amount=moved.arriving,
        destination_currency=moved.arriving_currency,
        rate=moved.rate,
        fx_quote_id=command.fx_quote_id,
        description=sealed(command.description),
        reference=sealed_or_none(command.reference),
        posting_id=command.posting_id,
        initiated_by=asker(view),
    )
