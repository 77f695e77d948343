"""Accounts: what each holds, what is promised, and what it may still do."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.account import (
    AccountActivated,
    AccountClosed,
    AccountCredited,
    AccountCreditLimitChanged,
    AccountDeactivated,
    AccountDebited,
    AccountFrozen,
    AccountLimitsChanged,
    AccountOpened,
    AccountRenamed,
    AccountUnfrozen,
    DailyUsageChanged,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.user import UserDeleted
from projections.account_links import LINKS
from projections.account_rows import (
    ACCOUNT,
    HOLD,
    MARK,
    Account,
    ActiveHold,
    Promise,
    account_of,
    change,
    with_hold,
)
from projections.erasing import erasing
from projections.filters import currency, enum
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.selects import Page, Values, fetch_page
from schema.postgres import Pool


def opened(fold: Fold, logged: Logged[AccountOpened]) -> None:
    event = logged.event
    account = Account(
        id=logged.subject,
        user_id=event.user_id,
        currency=event.currency,
        account_type=event.account_type,
        account_name=fold.known.name(event.account_name),
        credit_limit=event.credit_limit,
        last_four=event.last_four,
        bank_connection_id=event.bank_connection_id,
        external_account_id=event.external_account_id,
        version=logged.version,
        inserted_at=logged.recorded_at,
        updated_at=logged.recorded_at,
    )
    fold.rows.of(ACCOUNT).put(account)


def renamed(fold: Fold, logged: Logged[AccountRenamed]) -> None:
    name = fold.known.name(logged.event.account_name)
    change(fold, logged, account_name=name, named_in=logged.version)


def limits_changed(fold: Fold, logged: Logged[AccountLimitsChanged]) -> None:
    daily, single = logged.event.daily_limit, logged.event.single_limit
    change(fold, logged, daily_limit=daily, single_limit=single)


def credit_limit_changed(fold: Fold, logged: Logged[AccountCreditLimitChanged]) -> None:
    change(fold, logged, credit_limit=logged.event.to)


def frozen(fold: Fold, logged: Logged[AccountFrozen]) -> None:
    change(fold, logged, status="FROZEN", status_reason=logged.event.reason)


def unfrozen(fold: Fold, logged: Logged[AccountUnfrozen]) -> None:
    change(fold, logged, status=logged.event.status, status_reason=None)


def becomes(status: str) -> Callable[[Fold, Logged[Any]], None]:
    """Return what puts an account into a state that needs no reason."""
    return partial(change, status=status)


def balance_changed(fold: Fold, logged: Logged[AccountDebited | AccountCredited]) -> None:
    change(fold, logged, balance=logged.event.balance_after)


def hold_placed(fold: Fold, logged: Logged[HoldPlaced]) -> None:
    event = logged.event
    hold = ActiveHold(event.hold_id, logged.subject, event.amount, event.expires_at)
    keep_hold(fold, logged, hold, event.amount)


def hold_captured(fold: Fold, logged: Logged[HoldCaptured]) -> None:
    event = logged.event
    hold = fold.rows.of(HOLD).get(event.hold_id)
    if event.final:
        return drop_hold(fold, logged, hold)
    rest = replace(hold, remaining=hold.remaining - event.amount)
    return keep_hold(fold, logged, rest, -event.amount)


def hold_ended(fold: Fold, logged: Logged[HoldReleased | HoldExpired]) -> None:
    drop_hold(fold, logged, fold.rows.of(HOLD).get(logged.event.hold_id))


def keep_hold(fold: Fold, logged: Logged[Any], hold: ActiveHold, by: int) -> None:
    """Keep back what is left of a hold; that changes what is held in all."""
    fold.rows.of(HOLD).put(hold)
    change_held(fold, logged, hold.id, Promise(hold.remaining, hold.expires_at), by)


def drop_hold(fold: Fold, logged: Logged[Any], hold: ActiveHold) -> None:
    """Forget a hold that is over."""
    fold.rows.of(HOLD).drop(hold.id)
    change_held(fold, logged, hold.id, None, -hold.remaining)


def usage_changed(fold: Fold, logged: Logged[DailyUsageChanged]) -> None:
    event = logged.event
    account = fold.rows.of(ACCOUNT).get(logged.subject)
    if event.day < account.spent_day:
        return change(fold, logged)
    spent = account.spent if account.spent_day == event.day else 0
    return change(fold, logged, spent_day=event.day, spent=spent + event.delta)


def change_held(
    fold: Fold, logged: Logged[Any], hold_id: str, promise: Promise | None, by: int
) -> None:
    """Change what is held on the account of `logged`, and the hold it is for."""
    account = fold.rows.of(ACCOUNT).get(logged.subject)
    holds = with_hold(account.holds, hold_id, promise)
    change(fold, logged, held=account.held + by, holds=holds)


def account_and_hold_of(logged: Logged[HoldCaptured | HoldReleased | HoldExpired]) -> Iterable[Key]:
    """Name the account and the hold that `logged` happened to."""
    return ((ACCOUNT, logged.subject), (HOLD, logged.event.hold_id))


PROJECTOR = Projector(
    "accounts",
    (ACCOUNT, HOLD, MARK),
    {
        UserDeleted: erasing(ACCOUNT),
        AccountOpened: On(opened),
        AccountRenamed: On(renamed, account_of),
        AccountLimitsChanged: On(limits_changed, account_of),
        AccountCreditLimitChanged: On(credit_limit_changed, account_of),
        AccountFrozen: On(frozen, account_of),
        AccountUnfrozen: On(unfrozen, account_of),
        AccountDeactivated: On(becomes("INACTIVE"), account_of),
        AccountActivated: On(becomes("ACTIVE"), account_of),
        AccountClosed: On(becomes("CLOSED"), account_of),
        AccountDebited: On(balance_changed, account_of),
        AccountCredited: On(balance_changed, account_of),
        HoldPlaced: On(hold_placed, account_of),
        HoldCaptured: On(hold_captured, account_and_hold_of),
        HoldReleased: On(hold_ended, account_and_hold_of),
        HoldExpired: On(hold_ended, account_and_hold_of),
        DailyUsageChanged: On(usage_changed, account_of),
        **LINKS,
    },
)


class View(msgspec.Struct, frozen=True):
    """What the shapes depend on: the time, for holds that have lapsed, and the default limits.

    `daily` are decimal texts by account type, `single` is one; in any currency's own units.
    """

    now: str
    daily: dict[str, str]
    single: str

    @property
    def values(self) -> Values:
        """Return the parameters of the statements below."""
        daily = msgspec.json.encode(self.daily).decode()
        return {"now": self.now, "daily": daily, "single": self.single}


async def page(pool: Pool, wanted: Wanted, owner: str | None, view: View) -> Page:
    """Return Accounts of `owner`; None means everybody's."""
    return await fetch_page(pool, LISTING, wanted, owner, view.values)


async def one(pool: Pool, account_id: str, view: View) -> Item | None:
    """Return one Account and its owner."""
    return await fetch_item(pool, ONE, {"id": account_id, **view.values})


async def balance(pool: Pool, account_id: str, now: str) -> Item | None:
    """Return what an account holds as of `now` (http.md §4.9), and its owner."""
    return await fetch_item(pool, BALANCE, {"id": account_id, "now": now})


LAPSED = """
FROM (
    SELECT coalesce(sum(remaining), 0) AS lapsed FROM read.account_holds
    WHERE account_id = t.id AND expires_at <= %(now)s
) AS gone
"""
DAILY = """
coalesce(
    read.amount(daily_limit, currency),
    trunc((%(daily)s::json ->> account_type)::numeric, read.exponent(currency))
)
"""
SINGLE = """
coalesce(
    read.amount(single_limit, currency),
    trunc(%(single)s::numeric, read.exponent(currency))
)
"""
COLUMNS = f"""
id, user_id, currency, account_type, account_name, status, status_reason,
read.money(balance, currency) AS balance,
read.money(held - lapsed, currency) AS held,
read.money(balance - (held - lapsed) + credit_limit, currency) AS available,
read.money(credit_limit, currency) AS credit_limit,
{DAILY}::text AS daily_limit, {SINGLE}::text AS single_limit,
daily_limit IS NOT NULL OR single_limit IS NOT NULL AS limits_overridden,
last_four, bank_connection_id, external_account_id, last_sync_at, version, inserted_at, updated_at
"""
SHAPE = COLUMNS + LAPSED
HOLDINGS = """
id AS account_id, currency,
read.money(balance, currency) AS balance,
read.money(held - lapsed, currency) AS held,
read.money(balance - (held - lapsed) + credit_limit, currency) AS available,
read.money(credit_limit, currency) AS credit_limit,
%(now)s AS as_of,
(SELECT position FROM read.checkpoints WHERE projection = 'accounts') AS position
"""
ONE = item_query("read.accounts", SHAPE, "version", "ARRAY[user_id::text]")
BALANCE = item_query("read.accounts", HOLDINGS + LAPSED, "version", "ARRAY[user_id::text]")
LISTING = Listing(
    name="accounts",
    table="read.accounts",
    shape=SHAPE,
    filters=(
        enum("status", "ACTIVE", "INACTIVE", "FROZEN", "CLOSED", reason=Reason.INVALID_STATUS),
        enum(
            "account_type",
            "CHECKING",
            "SAVINGS",
            "CREDIT",
            "INVESTMENT",
            reason=Reason.INVALID_ACCOUNT_TYPE,
        ),
        currency(),
    ),
    sorts={
        "account_name": Sort("account_name", nullable=True),
        "balance": Sort("read.amount(balance, currency)", "numeric"),
        "currency": Sort("currency"),
        "status": Sort("status"),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
    owner=("user_id = %(owner)s",),
)
