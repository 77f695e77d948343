"""Rows of accounts: what each is, what it has promised, and marks of what it was.

From a mark on, few events have to be folded to know an account as it was at any moment.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from projections.log import Logged
from projections.projector import Fold, Key
from projections.rows import Table

NO_HOLDS = msgspec.Raw(b"{}")
MARK_EVERY = 64
"""Versions between two marks of an account: the most that looking back has to fold."""


class Promise(msgspec.Struct, frozen=True, gc=False):
    """What one active hold keeps back, and until when."""

    remaining: int
    expires_at: str | None


class Account(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One account. `held` counts every active hold, lapsed or not; None limits are the defaults.

    `named_in` is the version that named it; `holds` is JSON: a `Promise` by hold.
    """

    id: str
    user_id: str
    currency: str
    account_type: str
    account_name: str | None
    status: str = "ACTIVE"
    status_reason: str | None = None
    balance: int = 0
    held: int = 0
    credit_limit: int
    daily_limit: int | None = None
    single_limit: int | None = None
    spent_day: str = ""
    spent: int = 0
    last_four: str
    bank_connection_id: str | None
    external_account_id: str | None
    last_sync_at: str | None = None
    named_in: int = 1
    holds: msgspec.Raw = NO_HOLDS
    version: int
    inserted_at: str
    updated_at: str


class ActiveHold(msgspec.Struct, frozen=True, gc=False):
    """What one hold still keeps back."""

    id: str
    account_id: str
    remaining: int
    expires_at: str | None


class Mark(msgspec.Struct, frozen=True, gc=False):
    """One mark; `account` is JSON: the row without its name, which only the log may keep."""

    id: str
    account_id: str
    version: int
    position: int
    account: msgspec.Raw


ACCOUNT = Table("accounts", Account, names=("account_name",))
HOLD = Table("account_holds", ActiveHold)
MARK = Table("account_marks", Mark, key_type="text", kept=False)
decode_holds = msgspec.json.Decoder(dict[str, Promise]).decode


def with_hold(holds: msgspec.Raw, hold_id: str, promise: Promise | None) -> msgspec.Raw:
    """Return the holds of an account with one of them changed, or gone."""
    after = decode_holds(holds)
    after.pop(hold_id, None)
    if promise is not None:
        after[hold_id] = promise
    return msgspec.Raw(msgspec.json.encode(after))


def marked(account: Account, position: int) -> Mark:
    """Return a mark of an account as it is after `position`."""
    content = msgspec.Raw(msgspec.json.encode(replace(account, account_name=None)))
    name = f"{account.id}:{account.version}"
    return Mark(name, account.id, account.version, position, content)


def change(fold: Fold, logged: Logged[Any], **changes: Any) -> None:
    """Change the account of `logged`; every event of its stream is a new version."""
    accounts = fold.rows.of(ACCOUNT)
    account = replace(
        accounts.get(logged.subject),
        version=logged.version,
        updated_at=logged.recorded_at,
        **changes,
    )
    accounts.put(account)
    if logged.version % MARK_EVERY == 0:
        fold.rows.of(MARK).put(marked(account, logged.position))


def account_of(logged: Logged[Any]) -> Iterable[Key]:
    """Name the account that `logged` happened to."""
    return ((ACCOUNT, logged.subject),)
