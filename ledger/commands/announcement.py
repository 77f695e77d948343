"""Commands about what everybody is told."""

from ledger.commands.command import Command


class AnnounceMaintenance(Command, frozen=True, kw_only=True):
    """Tell everybody who listens that something is going to happen, and when (RFC 3339 UTC)."""

    announcement_id: str
    message: str
    scheduled_time: str | None = None
