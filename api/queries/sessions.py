"""Questions about sessions: where somebody is signed in right now."""

from typing import Any

import msgspec

from api.call import Call, caller_id
from api.callers import HUMAN, INSPECTOR
from api.endpoint import Endpoint
from api.envelope import encoded, now_text
from api.lists import ListMetadata, list_fields, listed, read_list
from api.reading import Reading
from api.reply import Reply
from api.shapes import Session
from api.unsealing import unsealing
from ledger.errors import Reason, Refused
from ledger.events.event import Sealed
from projections import sessions, users
from projections.selects import Page
from schema.vault import KeyVault


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it is stored: `ip` and `user_agent` are ciphertexts under data key `kid`."""

    id: str
    kid: str | None
    ip: str | None
    user_agent: str | None
    expires_at: str
    started_at: str
    last_used_at: str


async def list_own_sessions(call: Call) -> Reply:
    """List where the caller is signed in."""
    return await list_sessions_of(call, caller_id(call))


async def list_sessions_of_user(call: Call) -> Reply:
    """List where somebody is signed in."""
    if await users.one(call.use(Reading).pool, call.path["id"]) is None:
        raise Refused(Reason.USER_NOT_FOUND, field="id")
    return await list_sessions_of(call, call.path["id"])


async def list_sessions_of(call: Call, user_id: str) -> Reply:
    """List the living sessions of one user."""
    wanted = read_list(call, sessions.LISTING, user_id=user_id)
    found = await sessions.page(call.use(Reading).pool, wanted, now_text())
    rows = msgspec.json.decode(found.data, type=list[Row])
    reveal = await unsealing(call.use(KeyVault), {row.kid for row in rows if row.kid})

    def read(row: Row, text: str | None) -> str | None:
        return reveal(Sealed(text, row.kid)) if text and row.kid else None

    shown = [
        Session(
            id=row.id,
            current=row.id == call.principal.session_id,
            started_at=row.started_at,
            last_used_at=row.last_used_at,
            expires_at=row.expires_at,
            ip=read(row, row.ip),
            user_agent=read(row, row.user_agent),
        )
        for row in rows
    ]
    return listed(Page(encoded(shown), found.pagination))


LISTED: dict[str, Any] = {
    "query": list_fields(sessions.LISTING, "user_id"),
    "listed": True,
    "data": list[Session],
    "metadata": ListMetadata,
}
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/auth/sessions",
        handler=list_own_sessions,
        who=HUMAN,
        summary="List where the caller is signed in",
        tag="Authentication",
        reads=("sessions",),
        **LISTED,
    ),
    Endpoint(
        method="GET",
        path="/api/users/{id}/sessions",
        handler=list_sessions_of_user,
        who=INSPECTOR,
        summary="List where a user is signed in",
        tag="Users",
        reads=("sessions", "users"),
        reasons=(Reason.USER_NOT_FOUND,),
        **LISTED,
    ),
)
