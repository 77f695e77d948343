"""Commands about oneself: profile and password (http.md §4.7)."""

from typing import Any

import msgspec

from api.asking import Desk, ask, context_of
from api.call import Call, caller_id
from api.callers import HUMAN
from api.commands.auth import call_time, pair, private_or_none, proven, refresh_expiry, replied
from api.commands.payments import Watch
from api.commands.user_fields import PROFILE
from api.commands.users import identifying, shown_with_login
from api.endpoint import Endpoint
from api.fields import Document, Faults, Field, FieldTable, Kind
from api.gate import Gate
from api.passwords import LENGTH_MAX, canonical
from api.reply import Bare, Reply
from api.shapes import Tokens, User
from api.tokens import Bearer
from ledger.commands.asked import Asked
from ledger.commands.user import SetPassword, UpdateProfile
from ledger.errors import Reason
from ledger.events.event import Private
from ledger.identity import new_id
from schema.principals import email_claim


class PasswordChanged(Tokens, frozen=True):
    """A fresh pair of tokens; all older ones are dead."""

    message: str


async def update_profile(call: Call) -> Bare:
    """Change the given fields of the caller."""
    user_id, body = caller_id(call), call.body
    command = UpdateProfile(
        user_id=user_id,
        **identifying(call, user_id),
        role=body.get("role"),
        status=body.get("status"),
    )
    return await ask(call, command, await shown_with_login(call, user_id))


async def change_password(call: Call) -> Reply:
    """Give the caller another password and a fresh session; judged in the order of §4.7."""
    gate, user_id, now = call.use(Gate), caller_id(call), call_time(call)
    refuse_unfit(call)
    await prove_current(call)
    command = SetPassword(
        user_id=user_id,
        password_hash=await gate.passwords.hashed(call.body["new_password"]),
        session_id=new_id(),
        jti=new_id(),
        expires_at=refresh_expiry(gate, now),
        ip=Private(call.client_address, user_id),
        user_agent=private_or_none(call.header(b"user-agent"), user_id),
    )
    outcome = await call.use(Desk).handle(command, context_of(call), Asked())
    assert outcome.result is not None, "without a key nothing is a replay"
    version = outcome.result.state.session_version
    tokens = pair(gate, Bearer(user_id, command.session_id, version), command.jti, now)
    told = "The password was changed; all older sessions have ended."
    return replied(call, PasswordChanged(message=told, **msgspec.structs.asdict(tokens)), outcome)


def refuse_unfit(call: Call) -> None:
    """Refuse a new password of the wrong length, misspelled, or that is not new."""
    body, faults, reason = call.body, Faults(), Reason.INVALID_PASSWORD_FORMAT
    new, shortest = body["new_password"], call.use(Gate).lengths.minima[call.principal.role or ""]
    if not isinstance(new, str) or not shortest <= len(new) <= LENGTH_MAX:
        expected = f"text of {shortest} to {LENGTH_MAX} characters"
        faults.add("new_password", reason, {"min_length": shortest, "expected": expected})
    if body["password_confirmation"] != new:
        expected = "the same as new_password"
        faults.add("password_confirmation", reason, {"expected": expected})
    if not faults.errors and is_same(new, body["current_password"]):
        faults.add("new_password", reason, {"expected": "another one than the current password"})
    faults.tell()


def is_same(new: str, current: Any) -> bool:
    """Say whether two passwords are one, however their characters were composed."""
    return isinstance(current, str) and canonical(new) == canonical(current)


async def prove_current(call: Call) -> None:
    """Refuse whoever does not know the current password; failures count as failed logins."""
    gate, watch = call.use(Gate), call.use(Watch)
    person = await watch.current(f"user-{caller_id(call)}")
    reveal = await watch.reveal_of(person)
    claim = email_claim(gate.index_key, reveal(person.state.email) or "")
    await gate.throttle.admit(claim)
    current = call.body["current_password"]
    await proven(gate, claim, current if isinstance(current, str) else "")


def secret() -> Kind:
    """Take a password as it is sent; the route judges it."""

    def read(value: Any, _: Document) -> Any:
        return value

    schema = {"type": "string", "maxLength": LENGTH_MAX}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_PASSWORD_FORMAT,))


NAMES = ("current_password", "new_password", "password_confirmation")
PASSWORDS = FieldTable(tuple(Field(name, secret(), required=True) for name in NAMES))

ENDPOINTS = (
    Endpoint(
        method="PUT",
        path="/api/profile",
        handler=update_profile,
        who=HUMAN,
        summary="Change the caller's profile",
        tag="Profile",
        body=PROFILE,
        keyed=True,
        conditional=True,
        data=User,
        reasons=(Reason.USER_NOT_FOUND, Reason.EMAIL_ALREADY_EXISTS, Reason.LAST_ADMIN),
    ),
    Endpoint(
        method="PUT",
        path="/api/profile/password",
        handler=change_password,
        who=HUMAN,
        summary="Change the caller's password",
        tag="Profile",
        body=PASSWORDS,
        data=PasswordChanged,
        shows_secret=True,
        reasons=(Reason.INVALID_CREDENTIALS, Reason.LOGIN_THROTTLED),
    ),
)
