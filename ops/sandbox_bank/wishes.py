"""What the control interface can be asked for, and how that is read."""

from typing import TypeVar

import msgspec

from ops.sandbox_bank.chance import moment_of
from ops.sandbox_bank.message import Rejected, Request

Shape = TypeVar("Shape")


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    username: str
    name: str
    currency: str
    balance: int = 0
    type: str = "CHECKING"
    last_four: str = "0000"


class NewLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account_id: str
    amount: int
    description: str
    status: str = "posted"
    occurred_at: str | None = None


class Settling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    amount: int | None = None


class Amendment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    amount: int | None = None
    description: str | None = None
    occurred_at: str | None = None


class Reissue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: str | None = None


class Reported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    balance: int


class Clock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move time on, set it, stop it, or let it run."""

    advance_seconds: int = 0
    now: str | None = None
    stopped: bool | None = None


def read(request: Request, shape: type[Shape]) -> Shape:
    """Read what is asked for. Raises `Rejected`."""
    try:
        return msgspec.convert(request.json(), shape)
    except msgspec.ValidationError as failure:
        raise Rejected(400, "invalid_request", str(failure)) from failure


def moment(text: str | None) -> int | None:
    """Read a time. Raises `Rejected`."""
    if text is None:
        return None
    try:
        return moment_of(text)
    except ValueError as failure:
        raise Rejected(400, "invalid_request", "not a time with its offset") from failure
