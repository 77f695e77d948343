"""GET /api/ws: who may open a WebSocket, and what is answered to those who may not (http.md §4.20).

What proves the caller comes with the handshake, or as the first thing that is said.
"""

import asyncio
from urllib.parse import parse_qs

from api.asgi import Headers, Message, Receive, Scope, Send
from api.call import Call
from api.callers import HUMAN
from api.conversation import Conversation
from api.edge import Edge
from api.limiting import charge
from api.queries.socket import ENDPOINT
from api.routing import deliver, refusal
from api.words import Ended, heard_first
from ledger.errors import Reason, Refused

SUBPROTOCOL = "ledgerbank.v1"
PROVEN_SECONDS = 5.0
UNPROVEN, CROWDED, SWITCHED = 4401, 4429, 101


async def answer_socket(scope: Scope, receive: Receive, send: Send, edge: Edge) -> Call:
    """Answer a handshake, and converse for as long as its caller may."""
    call = Call({**scope, "type": "http", "method": "GET"}, receive, answering(send), edge)
    call.route = ENDPOINT.path
    await receive()
    try:
        headers = await proven_by_handshake(call)
    except Refused as refused:
        await deliver(refusal(call, refused), call.send)
        return call
    await accept(call, scope, send)
    try:
        await converse(call, receive, send, headers)
    except Ended as ended:
        await send({"type": "websocket.close", "code": ended.code})
    return call


def answering(send: Send) -> Send:
    """Return what sends an ordinary answer in place of a WebSocket."""

    async def answer(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return answer


async def accept(call: Call, scope: Scope, send: Send) -> None:
    """Open the WebSocket."""
    offered = SUBPROTOCOL in scope.get("subprotocols", ())
    call.status = SWITCHED
    await send({
        "type": "websocket.accept",
        "subprotocol": SUBPROTOCOL if offered else None,
        "headers": call.dressed([]),
    })  # fmt: skip


async def converse(call: Call, receive: Receive, send: Send, headers: Headers | None) -> None:
    """Hear who it is, if that is not known yet, and then what they want."""
    if headers is None:
        headers = await introduced(call, receive)
    try:
        await Conversation(call, receive, send).run(headers)
    except Refused as refused:
        raise Ended(CROWDED) from refused


async def proven_by_handshake(call: Call) -> Headers | None:
    """Return the headers that prove who opens it; None when a token is still to come."""
    origin = call.headers.get(b"origin")
    if origin is not None and origin not in call.edge.origins:
        raise Refused(Reason.FORBIDDEN, header="Origin")
    if b"authorization" in call.headers:
        return await proven(call, call.headers)
    asked = parse_qs(call.scope["query_string"].decode("latin-1"))
    token = next((asked[name][0] for name in ("token", "jwt") if name in asked), None)
    if token is None:
        await charge(call, ENDPOINT)
        return None
    return await proven(call, with_token(call, token))


async def introduced(call: Call, receive: Receive) -> Headers:
    """Return the headers that the first thing said amounts to; it has to prove who says it."""
    try:
        token = await asyncio.wait_for(heard_first(receive), PROVEN_SECONDS)
        return await proven(call, with_token(call, token))
    except TimeoutError:
        raise Ended(UNPROVEN) from None
    except Refused as refused:
        code = CROWDED if refused.reason is Reason.RATE_LIMIT_EXCEEDED else UNPROVEN
        raise Ended(code) from None


async def proven(call: Call, headers: Headers) -> Headers:
    """Prove who opens it, and that people like them may."""
    call.guarded = True
    call.principal = await call.edge.authenticate(headers)
    await charge(call, ENDPOINT)
    if not HUMAN.admits(call.principal):
        raise Refused(
            Reason.INSUFFICIENT_PERMISSIONS,
            role=call.principal.role,
            required_roles=HUMAN.required(),
        )
    return headers


def with_token(call: Call, token: str) -> Headers:
    """Return the headers of the handshake as if they had carried a token."""
    return {**call.headers, b"authorization": b"Bearer " + token.encode("latin-1", "replace")}
