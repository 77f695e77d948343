"""Projection: how often a read model was asked to be made again, one time after the other."""

import msgspec

from ledger.commands.projection import RequestRebuild
from ledger.errors import Reason, Refused
from ledger.events.projection import ProjectionEvent, ProjectionRebuildRequested


class Projection(msgspec.Struct, frozen=True, tag="projection"):
    """A read model; `requests` counts the rebuilds that people asked for."""

    requests: int = 0


UNTOUCHED = Projection()


def request_rebuild(projection: Projection, command: RequestRebuild) -> list[ProjectionEvent]:
    """Ask for a rebuild; refused while one is under way, or was asked for a moment ago."""
    if command.under_way or command.requests != projection.requests:
        raise Refused(Reason.REBUILD_IN_PROGRESS, projection=command.projection)
    return [
        ProjectionRebuildRequested(projection=command.projection, rebuild_id=command.rebuild_id)
    ]


def evolve(projection: Projection, _event: ProjectionEvent, _at: str) -> Projection:
    """Apply a fact."""
    return Projection(projection.requests + 1)
