"""What the house can have announced to everybody."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event


class MaintenanceAnnounced(Event, frozen=True, kw_only=True):
    """`message` is for everybody to read; `scheduled_time` is when it begins, if that is said."""

    stored_as: ClassVar[str] = "MaintenanceAnnounced"
    message: str
    scheduled_time: str | None = None


AnnouncementEvent: TypeAlias = MaintenanceAnnounced
