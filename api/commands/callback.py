"""GET /api/bank-connections/callback: a customer comes back from their bank (banking.md §3)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from api.asking import Desk
from api.banking import Banking, Connected, Connection, Granted
from api.call import Call
from api.callers import ANYONE
from api.commands.connections import show_connection
from api.commands.payments import Watch
from api.endpoint import Endpoint
from api.envelope import encoded, enveloped, now_text
from api.fields import Field
from api.journeys import arrive
from api.kinds import anything, text
from api.reply import JSON, Bare
from api.routing import position_headers
from api.witness import origin_of
from ledger.commands.asked import Answer, Asked, Loaded, Outcome, Reveal
from ledger.commands.command import Context
from ledger.commands.connection import AuthoriseConnection, DenyConnection, SealedTokens
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.events.recorded import Actor
from ledger.identity import new_id
from ledger.times import utc_text

SEE_OTHER = 303
TEXT_LENGTH_MAX = 2_000
IGNORED = ("error_description", "error_uri", "iss", "scope", "session_state")
"""What banks also say to a browser, and nobody needs here."""


async def come_back(call: Call) -> Bare:
    """Take the customer's answer: a code that is exchanged for tokens, or a no."""
    code, error = call.query.get("code"), call.query.get("error")
    if code is None and error is None:
        raise Refused(Reason.MISSING_FIELDS, field="code")
    journey, verifier = await arrive(call, call.query["state"])
    context = context_of_customer(call, journey.user_id)
    if code is None:
        denied = DenyConnection(connection_id=journey.connection_id)
        await call.use(Desk).handle(denied, context, Asked())
        raise Refused(Reason.CONSENT_DENIED, error=str(error)[:100])
    known: Any = await call.use(Watch).current(f"connection-{journey.connection_id}")
    provider = known.state.terms.provider
    granted = await call.use(Banking).door(provider).exchange(code, verifier)
    command = authorising(call, journey.connection_id, journey.user_id, granted)
    outcome = await call.use(Desk).handle(command, context, Asked(render=render))
    return told(call, outcome)


def context_of_customer(call: Call, user_id: str) -> Context:
    """Return the customer as the one who asks: the state has proven it."""
    return Context(
        actor=Actor(type="user", id=user_id),
        correlation_id=call.ids.id,
        traceparent=call.ids.traceparent,
        origin=origin_of(call),
    )


def authorising(
    call: Call, connection_id: str, user_id: str, granted: Granted
) -> AuthoriseConnection:
    """Return the command that takes a consent; tokens leave this function as ciphertext only."""
    ring = call.use(Banking).ring
    access = ring.seal(granted.access_token, connection_id)
    refresh = granted.refresh_token
    named, until = granted.provider_user_id, granted.consent_expires_in_seconds
    return AuthoriseConnection(
        connection_id=connection_id,
        tokens=SealedTokens(
            token_ref=new_id(),
            key_id=access.key_id,
            access=access.content,
            refresh=None if refresh is None else ring.seal(refresh, connection_id).content,
            expires_at=seconds_from_now(granted.expires_in_seconds),
        ),
        scope=granted.scope,
        provider_user_id=None if named is None else Private(named, user_id),
        consent_expires_at=None if until is None else seconds_from_now(until),
        job_key=new_id(),
    )


def seconds_from_now(seconds: int) -> str:
    """Return the time that lies so far ahead."""
    return utc_text(datetime.fromisoformat(now_text()).astimezone(UTC) + timedelta(seconds=seconds))


def render(loaded: Loaded, reveal: Reveal) -> Answer:
    """Return the connection as JSON."""
    return Answer(200, encoded(show_connection(loaded, reveal)))


def told(call: Call, outcome: Outcome) -> Bare:
    """Show the connection, or send the browser on to where the deployment wants it."""
    assert outcome.answer is not None, "a command with a renderer has an answer"
    headers = tuple(position_headers(outcome.position, call.use(Desk).epoch))
    return_url = call.use(Banking).return_url
    if return_url is not None:
        connection = msgspec.json.decode(outcome.answer.body, type=Connection)
        query = urlencode({"connection_id": connection.id, "status": connection.status})
        joint = "&" if "?" in return_url else "?"
        place = (b"location", f"{return_url}{joint}{query}".encode())
        return Bare(status=SEE_OTHER, content_type=None, headers=(*headers, place))
    data = b'{"connection":%b}' % outcome.answer.body
    body: Any = enveloped(data, b"{}", call.ids.id, now_text())
    return Bare(body=body, content_type=JSON, headers=headers)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/bank-connections/callback",
        handler=come_back,
        who=ANYONE,
        summary="Come back from an outside bank",
        tag="Bank connections",
        query=(
            Field("code", text(1, TEXT_LENGTH_MAX)),
            Field("state", text(1, TEXT_LENGTH_MAX), required=True),
            Field("error", text(1, TEXT_LENGTH_MAX)),
            *(Field(name, anything()) for name in IGNORED),
        ),
        data=Connected,
        reasons=(
            Reason.INVALID_OAUTH_STATE,
            Reason.MISSING_FIELDS,
            Reason.CONSENT_DENIED,
            Reason.CONNECTION_ALREADY_EXISTS,
            Reason.BANK_API_ERROR,
            Reason.CIRCUIT_BREAKER_OPEN,
            Reason.PROVIDER_RATE_LIMITED,
            Reason.TIMEOUT,
        ),
    ),
)
