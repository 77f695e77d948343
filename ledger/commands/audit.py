"""Commands about the audit log."""

from ledger.commands.command import Command
from ledger.events.audit import SecurityEvent


class RecordSecurityEvent(Command, frozen=True, kw_only=True):
    """Write down what happened outside of any other command.

    With `quiet_about` (a keyed hash of who did what) nothing more is written about the same for
    `quiet_seconds`; without it the asker sees to it that it is asked once.
    """

    event: SecurityEvent
    quiet_about: str | None = None
    quiet_seconds: int = 60
