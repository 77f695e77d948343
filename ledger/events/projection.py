"""What people can have asked to be done to a read model."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event


class ProjectionRebuildRequested(Event, frozen=True, kw_only=True):
    """A read model is to be made again from the log, by the job that follows from this."""

    stored_as: ClassVar[str] = "ProjectionRebuildRequested"
    projection: str
    rebuild_id: str


ProjectionEvent: TypeAlias = ProjectionRebuildRequested
