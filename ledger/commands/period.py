"""Commands about accounting periods (`yyyy-mm`, UTC)."""

from typing import TypeAlias

from ledger.commands.command import Command
from ledger.events.period import Sum


class ClosePeriod(Command, frozen=True, kw_only=True):
    """Seal a period with its sums as of log position `position`.

    `seen`: how many restatements of the period those sums include; one more refuses the seal.
    """

    period: str
    position: int
    sums: tuple[Sum, ...]
    seen: int


class ReopenPeriod(Command, frozen=True, kw_only=True):
    """Let a closed period be restated, and say why."""

    period: str
    reason: str


PeriodCommand: TypeAlias = ClosePeriod | ReopenPeriod
