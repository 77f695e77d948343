"""GET /api/idempotency/{key}: what became of one's own key (proof.md P-10)."""

from typing import Literal

from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.envelope import encoded
from api.fields import Field
from api.kinds import text
from api.reading import Reading
from api.reply import Reply
from api.shapes import Id, Shape, Time
from ledger.errors import Reason, Refused
from projections import answers

KEY_LENGTH_MAX = 255


class IdempotencyKey(Shape, frozen=True):
    """What became of a key; `outcome` is null when the answer cannot be read any more."""

    key: str
    scope: str
    command_id: Id
    first_requested_at: Time
    request_hash: str | None
    outcome: Literal["accepted", "refused"] | None
    status: int | None
    reason: str | None
    position: int | None
    events: list[str]
    replays: int
    last_replayed_at: Time | None


async def show_key(call: Call) -> Reply:
    """Show what became of a key of the caller's own."""
    reading, principal = call.use(Reading), call.principal
    scope = f"{principal.kind}:{principal.id}"
    found = await answers.fate_of(reading.pool, reading.keks, scope, call.path["key"])
    if found is None:
        raise Refused(Reason.RESOURCE_NOT_FOUND, key=call.path["key"])
    return Reply(data=encoded(found))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/idempotency/{key}",
        handler=show_key,
        who=HUMAN.or_service(),
        summary="Show what became of an Idempotency-Key of one's own",
        tag="Operations",
        places=(Field("key", text(1, KEY_LENGTH_MAX), required=True),),
        query=(),
        data=IdempotencyKey,
        reasons=(Reason.RESOURCE_NOT_FOUND,),
    ),
)
