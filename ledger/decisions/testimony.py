"""Testimony: what a command that was just decided means to the audit log (events_audit.md §4).

It is read off what was recorded, for every command alike, and written in the same append: what the
audit log says of a command is as durable as what the command did, and never says more.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from ledger.commands.command import Command
from ledger.commands.session import StartSession
from ledger.decisions.journal import take_down
from ledger.decisions.streams import STREAM_TYPES, type_of
from ledger.decisions.view import View
from ledger.errors import Refused
from ledger.events.audit import (
    AdminActionPerformed,
    AllSessionsEnded,
    Fact,
    LoggedOut,
    LoginSucceeded,
    RefreshTokenReuseAudited,
    SecurityEvent,
    ServiceKeyIssued,
    ServiceKeyRevoked,
    UserLifecycleChanged,
)
from ledger.events.recorded import OPERATOR
from ledger.policies.access import STAFF

Meaning: TypeAlias = Callable[[View, str, Any], SecurityEvent | None]
"""Says what an event on a stream means; most mean nothing."""

WATCHED = frozenset({*STAFF, OPERATOR.role})
TECHNICAL = ("_id", "_claim", "_hash", "jti", "facts")
"""How fields are named that carry no wish of the asker."""
STREAMS = {
    "source_account": "account",
    "user_bank_account": "account",
    "endpoint": "webhook-endpoint",
}
UUID_CHARACTERS = 36


def testify(view: View, command: Command, told: str | Refused) -> None:
    """Tell what an accepted command means; `told` is what its decision returned."""
    if not view.events or isinstance(view.events[-1][2], SecurityEvent):
        return
    for stream, _, event in tuple(view.events):
        meaning = MEANINGS.get(event.stored_as)
        said = None if meaning is None else meaning(view, stream, event)
        if said is not None:
            take_down(view, said)
    if isinstance(told, str) and is_watched(view) and not is_ones_own(view, command, told):
        take_down(view, action(command, told, "success"))
    if isinstance(command, StartSession):
        take_down(view, signed_in(command))


def testify_refusal(view: View, command: Command, refused: Refused) -> None:
    """Tell of a command of staff about others' records that the rules refused."""
    if is_watched(view) and not is_ones_own(view, command):
        target = next(named_streams(command), None)
        take_down(view, action(command, target, "failure", reason=str(refused.reason)))


def is_watched(view: View) -> bool:
    """Say whether what the caller does to others' records is told."""
    return view.caller.role in WATCHED


def is_ones_own(view: View, command: Command, told: str | None = None) -> bool:
    """Say whether a command is about a record of its caller; the first known owner counts."""
    for stream in (*(() if told is None else (told,)), *named_streams(command)):
        owner = owner_of(view.state(stream))
        if owner is not None:
            return owner == view.caller.id
    return False


def owner_of(state: Any) -> str | None:
    """Return whose record a state is: it says so itself, or in its terms."""
    owner = getattr(state, "user_id", None) or getattr(
        getattr(state, "terms", None), "user_id", None
    )
    return owner if isinstance(owner, str) else None


def named_streams(command: Command) -> Iterator[str]:
    """Yield the streams that a command names, in the order of its fields."""
    for field in command.__struct_fields__:
        value, noun = getattr(command, field), field.removesuffix("_id")
        kind = STREAMS.get(noun, noun)
        if field != noun and isinstance(value, str) and kind in STREAM_TYPES:
            yield f"{kind}-{value}"


def action(command: Command, target: str | None, outcome: str, **more: str) -> AdminActionPerformed:
    """Tell which command it was, about what, and which fields it gave; never their values."""
    details: dict[str, Fact] = {"command": type(command).__name__, **more}
    details["fields"] = given_fields(command)
    return AdminActionPerformed(outcome=outcome, details=details, **subject(target))


def given_fields(command: Command) -> tuple[str, ...]:
    """Return the names of the fields that the asker filled in, sorted."""
    return tuple(sorted(
        field.name
        for field in msgspec.structs.fields(command)
        if not field.name.endswith(TECHNICAL)
        and (value := getattr(command, field.name)) is not None
        and value is not msgspec.UNSET
        and value != field.default
    ))  # fmt: skip


def subject(stream: str | None) -> dict[str, Any]:
    """Return the record that a stream is about."""
    if stream is None:
        return {}
    identity = stream[-UUID_CHARACTERS:] if len(stream) > UUID_CHARACTERS else None
    return {"subject_type": type_of(stream), "subject_id": identity}


def signed_in(command: StartSession) -> LoginSucceeded:
    """Tell of a login."""
    return LoginSucceeded(
        outcome="success", details={"session_id": command.session_id}, **of_user(command.user_id)
    )


def of_user(user_id: str) -> dict[str, Any]:
    """Return a user as the record concerned."""
    return {"subject_type": "user", "subject_id": user_id}


def session_ended(view: View, stream: str, event: Any) -> SecurityEvent | None:
    """Tell of a logout; sessions end of other causes too."""
    if event.cause != "logout":
        return None
    return LoggedOut(outcome="success", **of_session(view, stream))


def reused(view: View, stream: str, _: Any) -> SecurityEvent:
    """Tell of a refresh token that came back."""
    return RefreshTokenReuseAudited(outcome="denied", **of_session(view, stream))


def of_session(view: View, stream: str) -> dict[str, Any]:
    """Return the user of a session as the record concerned."""
    state = view.state(stream)
    return {**of_user(state.user_id), "details": {"session_id": state.session_id}}


def sessions_ended(_view: View, stream: str, event: Any) -> SecurityEvent:
    """Tell that every token of a user is dead."""
    return AllSessionsEnded(outcome="success", details={"cause": event.cause}, **subject(stream))


def life_changed(change: str) -> Meaning:
    """Return what tells of one kind of change in a user's life."""

    def told(_view: View, stream: str, event: Any) -> SecurityEvent | None:
        if getattr(event, "by", None) == "registration":
            return None
        facts: dict[str, Fact] = {"change": change}
        for name in event.__struct_fields__:
            if not name.endswith(TECHNICAL) and name != "reason":
                facts[name.strip("_")] = getattr(event, name)
        return UserLifecycleChanged(outcome="success", details=facts, **subject(stream))

    return told


def key_changed(kind: type[SecurityEvent]) -> Meaning:
    """Return what tells of an API key that came to life or ended."""

    def told(_view: View, stream: str, event: Any) -> SecurityEvent:
        prefix = getattr(event, "key_prefix", None)
        details: dict[str, Fact] = {} if prefix is None else {"key_prefix": prefix}
        return kind(outcome="success", details=details, **subject(stream))

    return told


MEANINGS: Mapping[str, Meaning] = {
    "SessionEnded": session_ended,
    "RefreshTokenReuseDetected": reused,
    "UserSessionsInvalidated": sessions_ended,
    "UserRoleChanged": life_changed("role"),
    "UserSuspended": life_changed("suspended"),
    "UserReactivated": life_changed("reactivated"),
    "UserDeleted": life_changed("deleted"),
    "UserPasswordSet": life_changed("password"),
    "ServiceAccountCreated": key_changed(ServiceKeyIssued),
    "ServiceKeyRotated": key_changed(ServiceKeyIssued),
    "ServiceAccountDisabled": key_changed(ServiceKeyRevoked),
}
"""What events mean, by their stored names."""
