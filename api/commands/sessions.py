"""Commands about sessions that are under way: end one, or all of a user's."""

from api.asking import Desk, Told, ask, context_of
from api.call import Call, caller_id
from api.callers import ADMIN, HUMAN
from api.commands.payments import Watch
from api.endpoint import Endpoint
from api.envelope import encoded
from api.reply import Bare, Reply
from api.routing import position_headers
from api.shapes import Message
from ledger.commands.asked import Asked, Loaded, Outcome, Reveal
from ledger.commands.session import CloseSession
from ledger.commands.user import InvalidateSessions
from ledger.errors import Reason, Refused

EVERYWHERE = Message(message="Signed out everywhere.")


async def close_session(call: Call) -> Reply:
    """End one of the caller's sessions; the one they ask from may be meant."""
    command = CloseSession(session_id=call.path["id"])
    outcome = await call.use(Desk).handle(command, context_of(call), Asked())
    return replied(call, Message(message="Session ended."), outcome)


async def logout_all(call: Call) -> Reply:
    """End every session of the caller, in every process, from the next request on."""
    command = InvalidateSessions(
        user_id=caller_id(call),
        cause="logout_all",
        session_version=call.principal.session_version,
    )
    outcome = await call.use(Desk).handle(command, context_of(call), Asked())
    return replied(call, EVERYWHERE, outcome)


async def logout_user(call: Call) -> Bare:
    """End every session that a user has by now, in every process."""
    user_id = call.path["id"]
    state = (await call.use(Watch).current(f"user-{user_id}")).state
    if state.__struct_config__.tag == "unregistered":
        raise Refused(Reason.USER_NOT_FOUND, field="id")
    command = InvalidateSessions(
        user_id=user_id, cause="admin_logout_all", session_version=state.session_version
    )
    return await ask(call, command, Told(show=show_everywhere, versioned=False))


def show_everywhere(_: Loaded, __: Reveal) -> Message:
    """Tell that nobody is signed in as this user."""
    return EVERYWHERE


def replied(call: Call, data: Message, outcome: Outcome) -> Reply:
    """Answer a command whose answer is not kept."""
    headers = position_headers(outcome.position, call.use(Desk).epoch)
    return Reply(data=encoded(data), headers=tuple(headers))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/auth/logout-all",
        handler=logout_all,
        who=HUMAN,
        summary="End every session of the caller",
        tag="Authentication",
        data=Message,
    ),
    Endpoint(
        method="DELETE",
        path="/api/auth/sessions/{id}",
        handler=close_session,
        who=HUMAN,
        summary="End one of the caller's sessions",
        tag="Authentication",
        data=Message,
        reasons=(Reason.SESSION_NOT_FOUND,),
    ),
    Endpoint(
        method="POST",
        path="/api/users/{id}/logout-all",
        handler=logout_user,
        who=ADMIN,
        summary="End every session of a user",
        tag="Users",
        keyed=True,
        data=Message,
        reasons=(Reason.USER_NOT_FOUND,),
    ),
)
