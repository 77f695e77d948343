"""What an account may become: the table of ledger.md §3, and its name and limits."""

import msgspec

from ledger.aggregates.account_states import (
    ACTIVE,
    CLOSED,
    INACTIVE,
    Active,
    Closed,
    Frozen,
    Inactive,
    Open,
    status_of,
)
from ledger.commands.account import (
    ActivateAccount,
    ChangeLimits,
    CloseAccount,
    DeactivateAccount,
    FreezeAccount,
    RenameAccount,
    StateCommand,
    UnfreezeAccount,
)
from ledger.errors import Reason, Refused
from ledger.events.account import (
    AccountActivated,
    AccountClosed,
    AccountCreditLimitChanged,
    AccountDeactivated,
    AccountFrozen,
    AccountLimitsChanged,
    AccountRenamed,
    AccountUnfrozen,
)
from ledger.events.event import sealed
from ledger.money import MINOR_MAX

StateEvent = AccountFrozen | AccountUnfrozen | AccountDeactivated | AccountActivated | AccountClosed
TermsEvent = AccountRenamed | AccountLimitsChanged | AccountCreditLimitChanged


def transition(account: Open, command: StateCommand) -> StateEvent:
    """Return what becomes of an account; whatever the table does not name is refused."""
    match account.condition, command:
        case Active() | Inactive() as before, FreezeAccount(reason=reason):
            return AccountFrozen(reason=reason, previous_status=status_of(before))
        case Frozen(before=before), UnfreezeAccount(reason=reason):
            return AccountUnfrozen(reason=reason, status=status_of(before))
        case Active(), DeactivateAccount():
            return AccountDeactivated()
        case Inactive(), ActivateAccount():
            return AccountActivated()
        case Active() | Inactive(), CloseAccount():
            refuse_full(account)
            return AccountClosed()
        case _:
            raise Refused(Reason.INVALID_ACCOUNT_TRANSITION, status=account.status)


def refuse_full(account: Open) -> None:
    """Refuse to end what still holds or promises something."""
    if account.balance:
        raise Refused(Reason.ACCOUNT_NOT_EMPTY, balance=account.shown(account.balance))
    if account.holds:
        raise Refused(Reason.ACCOUNT_NOT_EMPTY, active_holds=len(account.holds))


def refuse_closed(account: Open) -> None:
    """Refuse to change what is over."""
    if isinstance(account.condition, Closed):
        raise Refused(Reason.INVALID_ACCOUNT_TRANSITION, status=account.status)


def rename(account: Open, command: RenameAccount) -> list[AccountRenamed]:
    """Give another name; the same sealed text again is no news."""
    refuse_closed(account)
    name = sealed(command.account_name)
    return [] if name == account.account_name else [AccountRenamed(account_name=name)]


def change_limits(
    account: Open, command: ChangeLimits
) -> list[AccountLimitsChanged | AccountCreditLimitChanged]:
    """Set limits; one that changes nothing is no news. No credit limit leaves it overdrawn."""
    refuse_closed(account)
    changes: list[AccountLimitsChanged | AccountCreditLimitChanged] = []
    own = (command.daily_limit, command.single_limit)
    if own != (account.daily_limit, account.single_limit):
        limits = AccountLimitsChanged(
            daily_limit=command.daily_limit, single_limit=command.single_limit
        )
        changes.append(limits)
    before, after = account.credit_limit, command.credit_limit
    if after != before:
        refuse_credit_limit(account, after)
        changes.append(AccountCreditLimitChanged(before=before, to=after))
    return changes


def refuse_credit_limit(account: Open, limit: int) -> None:
    """Refuse credit on other accounts than CREDIT ones, and less of it than is in use."""
    if limit and account.account_type != "CREDIT":
        raise Refused(Reason.CREDIT_LIMIT_NOT_ALLOWED, account_type=account.account_type)
    available = account.balance - account.held + limit
    if available < 0:
        raise Refused(Reason.NEGATIVE_BALANCE, available=account.shown(available))
    if available > MINOR_MAX:
        raise Refused(Reason.AMOUNT_EXCEEDS_LIMIT, field="credit_limit")


def changed(account: Open, event: StateEvent | TermsEvent) -> Open:
    """Apply what became of an account, or of its terms."""
    match event:
        case AccountRenamed(account_name=name):
            return msgspec.structs.replace(account, account_name=name)
        case AccountLimitsChanged(daily_limit=daily, single_limit=single):
            return msgspec.structs.replace(account, daily_limit=daily, single_limit=single)
        case AccountCreditLimitChanged(to=limit):
            return msgspec.structs.replace(account, credit_limit=limit)
        case AccountFrozen(reason=reason, previous_status=status):
            frozen = Frozen(reason, condition_of(status))
            return msgspec.structs.replace(account, condition=frozen)
        case AccountUnfrozen(status=status):
            return msgspec.structs.replace(account, condition=condition_of(status))
        case AccountDeactivated():
            return msgspec.structs.replace(account, condition=INACTIVE)
        case AccountActivated():
            return msgspec.structs.replace(account, condition=ACTIVE)
        case AccountClosed():
            return msgspec.structs.replace(account, condition=CLOSED)


def condition_of(status: str) -> Active | Inactive:
    """Return what an account is before and after it is frozen."""
    return INACTIVE if status == "INACTIVE" else ACTIVE
