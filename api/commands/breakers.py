"""Commands about circuit breakers: closing one before its time."""

import asyncio

import msgspec

from api.asking import Told, ask
from api.breakers import Breaker, BreakerPanel
from api.call import Call
from api.callers import ADMIN
from api.endpoint import Endpoint
from api.fields import Field
from api.kinds import text
from api.reply import Bare
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.audit import RecordSecurityEvent
from ledger.errors import Reason, Refused
from ledger.events.audit import AdminActionPerformed

NAME_LENGTH_MAX = 300
NAME = Field("name", text(1, NAME_LENGTH_MAX), required=True)


async def reset(call: Call) -> Bare:
    """Close a breaker. It is told first and done then; asked again, it is done again."""
    panel, name = call.use(BreakerPanel), call.path["name"]
    standings = await asyncio.to_thread(panel.standings)
    breaker = next((each for each in standings if each.name == name), None)
    if breaker is None:
        raise Refused(Reason.BREAKER_NOT_FOUND, name=name)
    closed = msgspec.structs.replace(
        breaker, state="closed", failures=0, opened_at=None, next_probe_at=None
    )

    def show(_: Loaded, __: Reveal) -> Breaker:
        return closed

    told = AdminActionPerformed(
        outcome="success", details={"command": "ResetBreaker", "breaker": name}
    )
    answer = await ask(call, RecordSecurityEvent(event=told), Told(show=show, versioned=False))
    await asyncio.to_thread(panel.close, name)
    return answer


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/circuit-breakers/{name}/reset",
        handler=reset,
        who=ADMIN,
        summary="Close a circuit breaker",
        tag="Operations",
        places=(NAME,),
        keyed=True,
        data=Breaker,
        reasons=(Reason.BREAKER_NOT_FOUND,),
    ),
)
