"""Period: a month of effective times, open until it is sealed, and again once it is reopened."""

from hashlib import sha256
from typing import TypeAlias

import msgspec

from ledger.commands.period import ClosePeriod, PeriodCommand, ReopenPeriod
from ledger.errors import Reason, Refused
from ledger.events.period import (
    PeriodClosed,
    PeriodEvent,
    PeriodReopened,
    PeriodRestated,
    Sum,
)


class Open(msgspec.Struct, frozen=True, tag="OPEN"):
    """May be restated; once it was sealed, `reason` says why it was reopened.

    `restatements`: how many postings were booked into it after it was over.
    """

    seal: PeriodClosed | None = None
    closed_at: str | None = None
    reopened_at: str | None = None
    reason: str | None = None
    restatements: int = 0


class Closed(msgspec.Struct, frozen=True, tag="CLOSED"):
    """Sealed: nothing may count inside it any more."""

    seal: PeriodClosed
    closed_at: str
    restatements: int


Period: TypeAlias = Open | Closed
NEVER_CLOSED = Open()


def decide(period: Period, command: PeriodCommand) -> list[PeriodEvent]:
    """Answer every command in every state."""
    match period, command:
        case Open(), ClosePeriod():
            return [sealed(command)]
        case Open(), _:
            raise Refused(Reason.ALREADY_PROCESSED, status="OPEN")
        case Closed(), ClosePeriod():
            raise Refused(Reason.ALREADY_PROCESSED, status="CLOSED")
        case Closed(), ReopenPeriod():
            return [PeriodReopened(reason=command.reason)]


def sealed(command: ClosePeriod) -> PeriodClosed:
    """Tell what the period came to."""
    return PeriodClosed(
        period=command.period,
        position=command.position,
        sums=command.sums,
        digest=digest_of(command.sums),
    )


def digest_of(sums: tuple[Sum, ...]) -> str:
    """Return the SHA-256 (hex) of sums in canonical JSON."""
    return sha256(msgspec.json.encode(sums, order="sorted")).hexdigest()


def evolve(period: Period, event: PeriodEvent, at: str) -> Period:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match period, event:
        case Open(), PeriodClosed():
            return Closed(event, at, period.restatements)
        case Closed(), PeriodReopened(reason=reason):
            return Open(period.seal, period.closed_at, at, reason, period.restatements)
        case Open(), PeriodRestated():
            return msgspec.structs.replace(period, restatements=period.restatements + 1)
        case _:
            raise AssertionError(f"{type(event).__name__} cannot follow {type(period).__name__}")
