"""Commands of those who carry no access token: login, refresh and logout."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from api.asking import Desk
from api.call import Call
from api.callers import VISITOR
from api.claims import Claims
from api.commands.payments import Watch
from api.commands.users import show_user
from api.endpoint import Endpoint
from api.envelope import encoded
from api.fields import Document, Field, FieldTable, Kind
from api.gate import Gate
from api.kinds import anything, email
from api.limiting import charge_login
from api.principals import honours
from api.reason_sets import TOKEN
from api.reply import Reply
from api.routing import position_headers
from api.shapes import Message, SignedIn, Tokens
from api.tokens import Bearer
from api.witness import origin_of
from ledger.commands.asked import Asked, Outcome
from ledger.commands.command import Command, Context
from ledger.commands.session import EndSession, RefreshSession, StartSession
from ledger.commands.user import SetPasswordHash
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.events.recorded import Actor
from ledger.identity import new_id
from ledger.times import utc_text
from schema.principals import CredentialRow, credential_of, email_claim, principal_of

USER_AGENT_LENGTH_MAX = 512


async def login(call: Call) -> Reply:
    """Open a session for whoever knows the password; judged in the order of http.md §4.5."""
    gate, password = call.use(Gate), call.body.get("password")
    claim = email_claim(gate.index_key, call.body["email"])
    await charge_login(call, claim)
    await gate.throttle.admit(claim)
    if not isinstance(password, str) or not password.strip():
        raise Refused(Reason.INVALID_CREDENTIALS)
    credential = await proven(gate, claim, password)
    if credential.status != "ACTIVE":
        raise Refused(Reason.ACCOUNT_INACTIVE)
    if gate.passwords.outdated(credential.password_hash):
        await strengthen(call, credential, password)
    return await start(call, credential)


async def proven(gate: Gate, claim: str, password: str) -> CredentialRow:
    """Return the credential that `password` opens; an unknown address takes as long as a known."""
    async with gate.pool.connection() as connection:
        credential = await credential_of(connection, claim)
    stored = None if credential is None else credential.password_hash
    if not await gate.passwords.matches(password, stored) or credential is None:
        await gate.throttle.failed(claim)
        raise Refused(Reason.INVALID_CREDENTIALS)
    await gate.throttle.succeeded(claim)
    return credential


async def strengthen(call: Call, credential: CredentialRow, password: str) -> None:
    """Store the same password hashed at today's cost."""
    stored = await call.use(Gate).passwords.hashed(password)
    command = SetPasswordHash(user_id=credential.user_id, password_hash=stored)
    await hand_in(call, command, user_actor(credential.user_id, credential.role))


async def start(call: Call, credential: CredentialRow) -> Reply:
    """Start a token family and answer its first pair, with the user it belongs to."""
    gate, user_id, now = call.use(Gate), credential.user_id, call_time(call)
    command = StartSession(
        session_id=new_id(),
        user_id=user_id,
        jti=new_id(),
        expires_at=refresh_expiry(gate, now),
        ip=Private(call.client_address, user_id),
        user_agent=private_or_none(call.header(b"user-agent"), user_id),
    )
    outcome = await hand_in(call, command, user_actor(user_id, credential.role))
    assert outcome.result is not None, "without a key nothing is a replay"
    watch = call.use(Watch)
    loaded = await watch.current(f"user-{user_id}")
    user = show_user(loaded, await watch.reveal_of(loaded), outcome.result.inserted_at)
    bearer = Bearer(user_id, command.session_id, loaded.state.session_version)
    tokens = pair(gate, bearer, command.jti, now)
    return replied(call, SignedIn(user=user, **msgspec.structs.asdict(tokens)), outcome)


async def refresh(call: Call) -> Reply:
    """Exchange a refresh token; one that was exchanged before ends its whole family."""
    gate, now = call.use(Gate), call_time(call)
    claims, actor = await presented(call, now)
    command = RefreshSession(
        session_id=claims.sid,
        user_id=claims.sub,
        session_version=claims.sv,
        jti=claims.jti,
        new_jti=new_id(),
        expires_at=refresh_expiry(gate, now),
    )
    outcome = await hand_in(call, command, actor)
    bearer = Bearer(claims.sub, claims.sid, claims.sv)
    return replied(call, pair(gate, bearer, command.new_jti, now), outcome)


async def logout(call: Call) -> Reply:
    """End the family of a refresh token, access tokens included."""
    claims, actor = await presented(call, call_time(call))
    command = EndSession(
        session_id=claims.sid, user_id=claims.sub, session_version=claims.sv, jti=claims.jti
    )
    outcome = await hand_in(call, command, actor)
    return replied(call, Message(message="Signed out."), outcome)


async def presented(call: Call, now: int) -> tuple[Claims, Actor]:
    """Return what the refresh token of a request says, if it may still count, and who brings it."""
    gate = call.use(Gate)
    claims = gate.tokens.verify(call.body["refresh_token"], "refresh", now)
    async with gate.pool.connection() as connection:
        row = await principal_of(connection, claims.sub, claims.sid)
    if row is None:
        raise Refused(Reason.INVALID_TOKEN)
    if row.session_alive is None:
        raise Refused(Reason.TOKEN_NOT_FOUND)
    if not honours(row, claims):
        raise Refused(Reason.TOKEN_REVOKED)
    return claims, user_actor(claims.sub, row.role)


async def hand_in(call: Call, command: Command, actor: Actor) -> Outcome:
    """Hand in a command of somebody who carries no access token."""
    context = Context(
        actor=actor,
        correlation_id=call.ids.id,
        traceparent=call.ids.traceparent,
        origin=origin_of(call),
    )
    return await call.use(Desk).handle(command, context, Asked())


def pair(gate: Gate, bearer: Bearer, jti: str, now: int) -> Tokens:
    """Issue an access token and the refresh token the session knows as `jti`."""
    terms = gate.tokens.terms
    return Tokens(
        access_token=gate.tokens.issue_access(bearer, now),
        refresh_token=gate.tokens.issue_refresh(bearer, jti, now),
        token_type="Bearer",  # noqa: S106 - the scheme of the token, not a secret
        expires_in=terms.access_seconds,
        refresh_expires_in=terms.refresh_seconds,
    )


def replied(call: Call, data: object, outcome: Outcome) -> Reply:
    """Answer a command that is never replayed: a replay would hand out old tokens."""
    headers = position_headers(outcome.position, call.use(Desk).epoch)
    return Reply(data=encoded(data), headers=tuple(headers))


def user_actor(user_id: str, role: str) -> Actor:
    """Return a user as the one who asks."""
    return Actor(type="user", id=user_id, role=role)


def call_time(call: Call) -> int:
    """Return the time tokens of this call are judged and issued by."""
    return call.use(Gate).clock()


def refresh_expiry(gate: Gate, now: int) -> str:
    """Return when a refresh token issued now ends."""
    return utc_text(datetime.fromtimestamp(now + gate.tokens.terms.refresh_seconds, UTC))


def private_or_none(text: str | None, owner: str) -> Private | None:
    """Return optional text of a request as personal text."""
    return Private(text[:USER_AGENT_LENGTH_MAX], owner) if text else None


def opaque() -> Kind:
    """Take text that only its maker understands."""

    def read(value: Any, _: Document) -> str:
        if not isinstance(value, str):
            raise Refused(Reason.INVALID_FIELD_VALUE, expected="text")
        return value.strip()

    return Kind(read=read, schema={"type": "string"}, reasons=(Reason.INVALID_FIELD_VALUE,))


CREDENTIALS = FieldTable((Field("email", email(), required=True), Field("password", anything())))
REFRESH_TOKEN = FieldTable((Field("refresh_token", opaque(), required=True),))
TOKEN_REASONS = (*TOKEN, Reason.TOKEN_NOT_FOUND)
ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/auth/login",
        handler=login,
        who=VISITOR,
        summary="Sign in",
        tag="Authentication",
        body=CREDENTIALS,
        data=SignedIn,
        reasons=(Reason.INVALID_CREDENTIALS, Reason.ACCOUNT_INACTIVE, Reason.LOGIN_THROTTLED),
    ),
    Endpoint(
        method="POST",
        path="/api/auth/refresh",
        handler=refresh,
        who=VISITOR,
        summary="Exchange a refresh token for a new pair",
        tag="Authentication",
        body=REFRESH_TOKEN,
        data=Tokens,
        reasons=TOKEN_REASONS,
    ),
    Endpoint(
        method="POST",
        path="/api/auth/logout",
        handler=logout,
        who=VISITOR,
        summary="End the session of a refresh token",
        tag="Authentication",
        body=REFRESH_TOKEN,
        data=Message,
        reasons=TOKEN_REASONS,
    ),
)
