"""Questions about oneself: who am I, is my token good."""

from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.envelope import encoded
from api.gate import Gate
from api.reply import Reply
from api.shapes import TokenValidity, User
from ledger.errors import Reason, Refused
from projections import users


async def own_profile(call: Call) -> Reply:
    """Show the caller to themselves."""
    assert call.principal.id is not None, "the route is open to users only"
    found = await users.one(call.use(Gate).pool, call.principal.id)
    if found is None:
        raise Refused(Reason.USER_NOT_FOUND)
    return Reply(data=found.data, version=found.version)


async def validate(call: Call) -> Reply:
    """Tell whose token this is, and until when."""
    principal = call.principal
    assert principal.id is not None, "the route is open to those who are known only"
    assert principal.role is not None, "whoever is known has a role"
    shown = TokenValidity(
        valid=True,
        user_id=principal.id,
        role=principal.role,  # type: ignore[arg-type]  # one of the roles of the shape
        expires_at=principal.expires_at,
    )
    return Reply(data=encoded(shown))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/auth/me",
        handler=own_profile,
        who=HUMAN,
        summary="Who the caller is",
        tag="Authentication",
        query=(),
        reads=("users",),
        data=User,
    ),
    Endpoint(
        method="GET",
        path="/api/auth/validate",
        handler=validate,
        who=HUMAN.or_service(),
        summary="Whether the token is good",
        tag="Authentication",
        data=TokenValidity,
    ),
    Endpoint(
        method="GET",
        path="/api/profile",
        handler=own_profile,
        who=HUMAN,
        summary="The caller's profile",
        tag="Profile",
        query=(),
        reads=("users",),
        data=User,
    ),
)
