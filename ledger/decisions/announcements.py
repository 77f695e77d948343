"""Decisions about what everybody is told: an operator's word."""

from ledger.aggregates import announcement
from ledger.commands.announcement import AnnounceMaintenance
from ledger.decisions.view import View
from ledger.policies import access


def announce_maintenance(view: View, command: AnnounceMaintenance) -> str:
    """Tell everybody who listens."""
    access.may_announce(view.caller)
    stream = f"announcement-{command.announcement_id}"
    view.record(stream, *announcement.decide(view.begin(stream), command))
    return stream
