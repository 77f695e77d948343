"""The witness: sees what requests are refused, and notes what the audit log wants to know.

What commands did is told by the ledger itself; here is only what never became a command. Whatever
strangers can cause at will is told once or some times a minute, with how often it was held back.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from api.call import Call
from api.callers import ANONYMOUS as NOBODY
from api.notebook import Note, Notebook
from api.sieve import Sieve
from api.suspicion import suspicion
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Context, Origin
from ledger.errors import Reason, Refused
from ledger.events.audit import (
    STARRED,
    AccessDenied,
    Fact,
    LoginFailed,
    LoginThrottled,
    RateLimitExceeded,
    SecurityEvent,
    SuspiciousRequest,
    TokenRejected,
    WebhookRejected,
)
from ledger.events.recorded import ANONYMOUS, Actor
from ledger.identity import is_id

LOGIN = "/api/auth/login"
MINUTE = 60
DENIALS_A_MINUTE = 30
ALL_A_MINUTE = 3_000
"""What one process notes of everybody together."""
AGENT_LENGTH_MAX = 512
FAILED, FORBIDDEN = 401, 403
SUBJECTS = {"bank-connections": "connection", "service-accounts": "service"}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be noted: `about` is who did what, told `most` times in `seconds`.

    What may be told once is told once by all processes together.
    """

    event: SecurityEvent
    about: tuple[str, ...] = ()
    most: int = 1
    seconds: int = MINUTE
    actor: Actor | None = None


class Witness:
    """Made once per application. Without `starred` it keeps quiet about what can be switched off.

    `digest` makes the keyed hashes that stand for addresses.
    """

    def __init__(
        self,
        notebook: Notebook,
        digest: Callable[..., str],
        *,
        starred: bool = True,
        sieve: Sieve | None = None,
    ) -> None:
        self.notebook, self.digest, self.starred = notebook, digest, starred
        self.sieve = sieve or Sieve()

    def refused(self, call: Call, refused: Refused) -> None:
        """Note a refusal, if the audit log wants to know of it."""
        seen = self.seen(call, refused)
        if seen is not None:
            self.note(call, seen)

    def answered(self, call: Call) -> None:
        """Note a request that looks like those of scanners, however it was answered."""
        pattern = suspicion(call.scope, call.headers, call.status)
        if pattern is not None:
            event = SuspiciousRequest(outcome="denied", details={"pattern": pattern})
            self.note(call, Seen(event=event, about=(call.client_address, pattern)))

    def note(self, call: Call, seen: Seen) -> None:
        """Put a note down, unless enough was said about the same."""
        kind = type(seen.event)
        if kind in STARRED and not self.starred:
            return
        about = (kind.stored_as, *seen.about)
        before = self.sieve.passes(about, seen.most, seen.seconds) if seen.about else 0
        if before is None or self.sieve.passes("", ALL_A_MINUTE, MINUTE) is None:
            self.notebook.count_held_back()
            return
        details = seen.event.details | ({"held_back": before} if before else {})
        once = bool(seen.about) and seen.most == 1
        command = RecordSecurityEvent(
            event=msgspec.structs.replace(seen.event, details=details),
            quiet_about=self.digest("audit", *about)[:32] if once else None,
            quiet_seconds=seen.seconds,
        )
        self.notebook.put_down(Note(command, context_of(call, seen.actor)))

    def seen(self, call: Call, refused: Refused) -> Seen | None:
        """Return what a refusal means; most mean nothing."""
        reason = refused.reason
        if reason is Reason.LOGIN_THROTTLED:
            return self.throttled(call)
        if reason is Reason.RATE_LIMIT_EXCEEDED:
            return limited(call, refused)
        if reason is Reason.INVALID_CREDENTIALS or (
            reason is Reason.ACCOUNT_INACTIVE and call.route == LOGIN
        ):
            return self.login_failed(call, reason)
        if reason is Reason.UNAUTHORIZED:
            return webhook_rejected(call, reason)
        if reason.fact.status == FAILED and call.guarded:
            return token_rejected(call, reason)
        return denied(call, refused) if reason.fact.status == FORBIDDEN else None

    def login_failed(self, call: Call, reason: Reason) -> Seen:
        """Tell of a wrong address or password, and of whoever may not sign in.

        Every one is told: each has cost a password hash.
        """
        details = {"reason": str(reason), **self.tried(call)}
        return Seen(event=LoginFailed(outcome="failure", details=details, **oneself(call)))

    def throttled(self, call: Call) -> Seen:
        """Tell that an address has to wait."""
        tried = self.tried(call)
        about = (tried.get("address_hash", call.principal.id or ""), call.client_address)
        event = LoginThrottled(outcome="denied", details=tried, **oneself(call))
        return Seen(event=event, about=about)

    def tried(self, call: Call) -> dict[str, Any]:
        """Return the keyed hash of the address that was tried; the address is nowhere."""
        email = call.body.get("email") if call.route == LOGIN else None
        return {} if email is None else {"address_hash": self.digest("login address", email)[:32]}


def limited(call: Call, refused: Refused) -> Seen:
    """Tell of the first request too many of a window."""
    facts = refused.details
    details: dict[str, Fact] = {name: facts[name] for name in ("policy", "limit") if name in facts}
    return Seen(
        event=RateLimitExceeded(outcome="denied", details=details, **oneself(call)),
        about=(caller_of(call), str(facts.get("policy"))),
        seconds=int(facts.get("window_seconds", MINUTE)),
    )


def webhook_rejected(call: Call, reason: Reason) -> Seen:
    """Tell of a message whose signature or age is not right."""
    details: dict[str, Fact] = {"reason": str(reason), "route": call.route}
    return Seen(
        event=WebhookRejected(outcome="denied", details=details),
        about=(call.client_address, call.route),
        most=DENIALS_A_MINUTE,
    )


def token_rejected(call: Call, reason: Reason) -> Seen:
    """Tell of a token that does not count; whoever brings it is not who it names."""
    event = TokenRejected(outcome="denied", details={"reason": str(reason)}, **oneself(call))
    return Seen(event=event, about=(call.client_address, reason), actor=ANONYMOUS)


def denied(call: Call, refused: Refused) -> Seen:
    """Tell what somebody may not do, and to which record."""
    details = {
        "reason": str(refused.reason),
        "method": call.scope["method"],
        "route": call.route,
    }
    return Seen(
        event=AccessDenied(outcome="denied", details=details, **addressed(call)),
        about=(caller_of(call),),
        most=DENIALS_A_MINUTE,
    )


def addressed(call: Call) -> dict[str, Any]:
    """Return the record that the path of a request leads to."""
    identity = call.places.get("id", "")
    if not is_id(identity):
        return {}
    collection = call.route.partition("/{id}")[0].rpartition("/")[2]
    kind = SUBJECTS.get(collection) or collection.removesuffix("s")
    return {"subject_type": kind, "subject_id": identity.lower()}


def oneself(call: Call) -> dict[str, Any]:
    """Return the caller as the record concerned, if it is known who calls."""
    principal = call.principal
    return (
        {} if principal is NOBODY else {"subject_type": principal.kind, "subject_id": principal.id}
    )


def caller_of(call: Call) -> str:
    """Return who is meant when somebody does something too often."""
    return call.principal.id or call.client_address


def context_of(call: Call, actor: Actor | None) -> Context:
    """Return the story of a note; nobody's session is judged for it."""
    principal = call.principal
    return Context(
        actor=actor or Actor(type=principal.kind, id=principal.id, role=principal.role),
        correlation_id=call.ids.id,
        traceparent=call.ids.traceparent,
        origin=origin_of(call),
    )


def origin_of(call: Call) -> Origin:
    """Return where a request came from."""
    agent = call.header(b"user-agent")
    return Origin(call.client_address, agent[:AGENT_LENGTH_MAX] if agent else None)
