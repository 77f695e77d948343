"""Questions about read models: where each of them stands."""

from typing import Literal

from api.call import Call
from api.callers import READER
from api.endpoint import Endpoint
from api.reading import Reading
from api.reply import Reply
from api.shapes import Shape, Time
from projections import checkpoints


class Projection(Shape, frozen=True):
    """A read model and how far it has come; `lag` counts events."""

    name: str
    position: int
    head: int
    lag: int
    status: Literal["running", "paused", "rebuilding", "failed"]
    last_error: str | None
    updated_at: Time


async def list_projections(call: Call) -> Reply:
    """List every read model, by name."""
    return Reply(data=await checkpoints.list_projections(call.use(Reading).pool))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/projections",
        handler=list_projections,
        who=READER,
        summary="List the read models and how far they have come",
        tag="Operations",
        query=(),
        data=list[Projection],
    ),
)
