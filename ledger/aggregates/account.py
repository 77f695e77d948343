"""Account: one customer's position in one currency, and everything promised from it."""

import msgspec

from ledger.aggregates.account_conditions import change_limits, changed, rename, transition
from ledger.aggregates.account_funds import correct, counted, credit, debit
from ledger.aggregates.account_holds import (
    capture_hold,
    captured,
    lapsed,
    place_hold,
    promised,
    release_hold,
    without_hold,
)
from ledger.aggregates.account_links import link, relinked, take_entry
from ledger.aggregates.account_states import Account, Closed, Open, Unopened
from ledger.commands.account import (
    AccountCommand,
    ActivateAccount,
    CaptureHold,
    ChangeLimits,
    CloseAccount,
    CloseAtBank,
    CorrectAccount,
    CreditAccount,
    DeactivateAccount,
    DebitAccount,
    FreezeAccount,
    ImportEntry,
    LinkAccount,
    OpenAccount,
    PlaceHold,
    ReleaseHold,
    RenameAccount,
    UnfreezeAccount,
    UnlinkAccount,
)
from ledger.errors import Reason, Refused
from ledger.events.account import (
    AccountActivated,
    AccountClosed,
    AccountClosedAtBank,
    AccountCredited,
    AccountCreditLimitChanged,
    AccountDeactivated,
    AccountDebited,
    AccountEvent,
    AccountFrozen,
    AccountLimitsChanged,
    AccountLinked,
    AccountOpened,
    AccountRenamed,
    AccountUnfrozen,
    AccountUnlinked,
    DailyUsageChanged,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.event import sealed


def decide(account: Account, command: AccountCommand) -> list[AccountEvent]:
    """Answer every command in every state; no answer means nothing to record."""
    match account, command:
        case Unopened(), OpenAccount():
            return [opened(command)]
        case Unopened(), _:
            raise Refused(Reason.ACCOUNT_NOT_FOUND)
        case Open(), OpenAccount():
            return []
        case Open(condition=Closed()), (
            PlaceHold() | DebitAccount() | CreditAccount() | ImportEntry()
        ):
            raise Refused(Reason.ACCOUNT_INACTIVE)
        case Open(), PlaceHold() | DebitAccount():
            return spend(account, command)
        case Open(), CaptureHold():
            return capture_hold(account, command)
        case Open(), ReleaseHold():
            return release_hold(account, command)
        case Open(), CreditAccount():
            return credit(account, command)
        case Open(), RenameAccount():
            return [*rename(account, command)]
        case Open(), ChangeLimits():
            return [*change_limits(account, command)]
        case (
            Open(),
            FreezeAccount()
            | UnfreezeAccount()
            | DeactivateAccount()
            | ActivateAccount()
            | CloseAccount(),
        ):
            return [transition(account, command)]
        case Open(), CorrectAccount():
            return correct(account, command)
        case Open(), LinkAccount() | UnlinkAccount() | CloseAtBank():
            return link(account, command)
        case Open(), ImportEntry():
            return take_entry(account, command)


def spend(account: Open, command: PlaceHold | DebitAccount) -> list[AccountEvent]:
    """Take or promise money; holds whose time is over are ended first."""
    ended = lapsed(account, command.now)
    left = awake(account, command.now)
    if isinstance(command, PlaceHold):
        return [*ended, *place_hold(left, command)]
    return [*ended, *debit(left, command)]


def awake(account: Open, now: str) -> Open:
    """Return the account without the holds whose time is over at `now`."""
    for event in lapsed(account, now):
        found = evolve(account, event, now)
        assert isinstance(found, Open), "the end of a hold leaves an account open"
        account = found
    return account


def opened(command: OpenAccount) -> AccountOpened:
    """Open it. Only CREDIT accounts may owe."""
    if command.credit_limit and command.account_type != "CREDIT":
        raise Refused(Reason.CREDIT_LIMIT_NOT_ALLOWED, account_type=command.account_type)
    return AccountOpened(
        user_id=command.user_id,
        currency=command.currency,
        account_type=command.account_type,
        account_name=sealed(command.account_name),
        last_four=command.last_four,
        credit_limit=command.credit_limit,
    )


def evolve(account: Account, event: AccountEvent, at: str) -> Account:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match account, event:
        case Unopened(), AccountOpened():
            return born(event)
        case Unopened(), _:
            raise AssertionError("an account opens before anything else")
        case Open(), AccountOpened():
            raise AssertionError("an account opens once")
        case Open(), AccountDebited(balance_after=balance) | AccountCredited(balance_after=balance):
            return msgspec.structs.replace(account, balance=balance)
        case Open(), HoldPlaced():
            return promised(account, event, at)
        case Open(), HoldCaptured():
            return captured(account, event)
        case Open(), HoldReleased() | HoldExpired():
            return without_hold(account, event.hold_id)
        case Open(), DailyUsageChanged():
            return counted(account, event)
        case (
            Open(),
            AccountRenamed()
            | AccountLimitsChanged()
            | AccountCreditLimitChanged()
            | AccountFrozen()
            | AccountUnfrozen()
            | AccountDeactivated()
            | AccountActivated()
            | AccountClosed(),
        ):
            return changed(account, event)
        case Open(), AccountLinked() | AccountUnlinked() | AccountClosedAtBank():
            return relinked(account, event)


def born(event: AccountOpened) -> Open:
    """Return the state of a new account."""
    return Open(
        user_id=event.user_id,
        currency=event.currency,
        account_type=event.account_type,
        account_name=event.account_name,
        last_four=event.last_four,
        credit_limit=event.credit_limit,
        bank_connection_id=event.bank_connection_id,
        external_account_id=event.external_account_id,
    )
