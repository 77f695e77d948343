"""Decisions about read models: having one made again, one rebuild at a time."""

from ledger.aggregates import projection
from ledger.commands.projection import RequestRebuild
from ledger.decisions.view import View
from ledger.policies import access


def request_rebuild(view: View, command: RequestRebuild) -> str:
    """Ask for a rebuild of one read model."""
    access.may_rebuild_projections(view.caller)
    stream = f"projection-{command.projection}"
    view.record(stream, *projection.request_rebuild(view.state(stream), command))
    return stream
