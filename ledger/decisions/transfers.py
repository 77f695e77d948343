"""Decisions about transfers: immediate and atomic, never pending (ledger.md §5.2)."""

from ledger.aggregates import account
from ledger.aggregates.account_states import Open
from ledger.aggregates.posting import Transferred
from ledger.commands.account import CreditAccount, DebitAccount
from ledger.commands.transfer import MakeTransfer
from ledger.decisions.accounts import (
    daily_limit,
    open_state,
    refuse_credit,
    refuse_debit,
    single_limit,
)
from ledger.decisions.view import View
from ledger.entries import Entry
from ledger.errors import Reason, Refused
from ledger.events.event import sealed, sealed_or_none
from ledger.events.posting import PostingBooked
from ledger.events.transfer import TransferBooked
from ledger.identity import numbered_id
from ledger.money import parse_positive
from ledger.policies import access
from ledger.policies.limits import EXEMPT


def make_transfer(view: View, command: MakeTransfer) -> str:
    """Debit the source, credit the destination and book the posting: all or nothing."""
    stream = f"transfer-{command.transfer_id}"
    if isinstance(view.begin(stream), Transferred):
        return stream
    source = open_state(view, command.source_account_id)
    destination = open_state(view, command.destination_account_id)
    access.may_transfer_from(view.caller, source.user_id)
    refuse_mismatch(command, source, destination)
    amount = parse_positive(command.amount, source.currency, view.rules.smallest(source.currency))
    refuse_debit(view, source)
    refuse_credit(destination)
    book_transfer(view, command, amount, source, destination)
    view.record(stream, transferred(view, command, amount, source))
    return stream


def refuse_mismatch(command: MakeTransfer, source: Open, destination: Open) -> None:
    """Refuse the same account twice, then currencies that differ."""
    if command.source_account_id == command.destination_account_id:
        raise Refused(Reason.SAME_ACCOUNT_TRANSFER)
    if command.currency not in {None, source.currency}:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=source.currency)
    if source.currency != destination.currency:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=source.currency)
    if source.bank_connection_id or destination.bank_connection_id:
        raise Refused(Reason.RAIL_UNAVAILABLE)


def book_transfer(
    view: View, command: MakeTransfer, amount: int, source: Open, destination: Open
) -> None:
    """Record the two sides on their accounts, and the posting that balances them."""
    currency, posting_id = source.currency, command.posting_id
    exempt = view.caller.type in EXEMPT
    limited = not exempt and source.user_id != destination.user_id
    out, into = numbered_id(posting_id, 1), numbered_id(posting_id, 2)
    debit = DebitAccount(
        account_id=command.source_account_id,
        posting_id=posting_id,
        entry_id=out,
        amount=amount,
        single_limit=None if exempt else single_limit(view, source),
        daily_limit=daily_limit(view, source) if limited else None,
        now=view.now,
    )
    credit = CreditAccount(
        account_id=command.destination_account_id,
        posting_id=posting_id,
        entry_id=into,
        amount=amount,
    )
    debited, credited = account.decide(source, debit), account.decide(destination, credit)
    view.begin(f"posting-{posting_id}")
    view.record(f"posting-{posting_id}", posted(command, amount, currency))
    view.record(f"account-{command.source_account_id}", *debited)
    view.record(f"account-{command.destination_account_id}", *credited)


def posted(command: MakeTransfer, amount: int, currency: str) -> PostingBooked:
    """Return the posting: the source is debited, the destination credited."""
    return PostingBooked(
        posting_id=command.posting_id,
        kind="TRANSFER",
        entries=(
            Entry(
                entry_id=numbered_id(command.posting_id, 1),
                account_id=command.source_account_id,
                amount=-amount,
                currency=currency,
            ),
            Entry(
                entry_id=numbered_id(command.posting_id, 2),
                account_id=command.destination_account_id,
                amount=amount,
                currency=currency,
            ),
        ),
        description=sealed(command.description),
        reference=sealed_or_none(command.reference),
        transfer_id=command.transfer_id,
    )


def transferred(view: View, command: MakeTransfer, amount: int, source: Open) -> TransferBooked:
    """Tell what was moved, and by whom."""
    return TransferBooked(
        source_account_id=command.source_account_id,
        destination_account_id=command.destination_account_id,
        amount=amount,
        currency=source.currency,
        destination_amount=amount,
        destination_currency=source.currency,
        description=sealed(command.description),
        reference=sealed_or_none(command.reference),
        posting_id=command.posting_id,
        initiated_by=view.caller.id or view.caller.type,
    )
