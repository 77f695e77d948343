"""Announcement: said once, to everybody."""

from typing import TypeAlias

import msgspec

from ledger.commands.announcement import AnnounceMaintenance
from ledger.events.announcement import AnnouncementEvent, MaintenanceAnnounced


class Unmade(msgspec.Struct, frozen=True, tag="unmade"):
    """Nothing was said."""


class Made(msgspec.Struct, frozen=True, tag="made"):
    """Everybody was told."""


Announcement: TypeAlias = Unmade | Made
UNMADE = Unmade()


def decide(announcement: Announcement, command: AnnounceMaintenance) -> list[AnnouncementEvent]:
    """Say it; what was said is not said again."""
    match announcement:
        case Unmade():
            return [
                MaintenanceAnnounced(message=command.message, scheduled_time=command.scheduled_time)
            ]
        case Made():
            return []


def evolve(_: Announcement, __: AnnouncementEvent, ___: str) -> Announcement:
    """Apply a fact."""
    return Made()
