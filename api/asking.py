"""Asking the ledger: a call becomes a command with its key and conditions, and gets its answer."""

from collections.abc import Awaitable, Callable, Mapping
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from api.call import Call
from api.envelope import encoded, enveloped, now_text
from api.idempotency import fingerprint
from api.preconditions import accepted_versions, etag
from api.problems import PROBLEM_JSON, problem
from api.reply import JSON, Bare
from api.routing import position_headers
from api.witness import origin_of
from ledger.commands.asked import Answer, Asked, Idempotency, Loaded, Outcome, Reveal
from ledger.commands.command import Command, Context
from ledger.errors import Refused

Handle: TypeAlias = Callable[[Command, Context, Asked], Awaitable[Outcome]]
Show: TypeAlias = Callable[[Loaded, Reveal], Any]
"""Turns the state that answers a command into the shape that is shown. Pure."""
REFUSED_FROM = 400


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where commands are handed in: the ledger, the epoch of its store, the key of fingerprints.

    `earlier` are keys before it, with which requests were fingerprinted that may be repeated.
    """

    handle: Handle
    epoch: str
    secret: bytes
    earlier: tuple[bytes, ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How the outcome of a command is told. `location` has `{id}` where the id of the data goes.

    `once` are fields that only this answer shows; `show` leaves them null, and so does a replay.
    `version` is what the ETag tells, unless the answer is not `versioned`.
    """

    show: Show
    status: int = 200
    location: str | None = None
    metadata: Mapping[str, Any] = {}
    versioned: bool = True
    once: Mapping[str, str] = {}
    version: Callable[[Loaded], int] = attrgetter("version")


async def ask(call: Call, command: Command, told: Told, *, rehearsed: bool = False) -> Bare:
    """Ask the ledger and tell what came of it; a replay tells what was told the first time."""
    desk, asked = call.use(Desk), asked_by(call, told)
    if rehearsed:
        asked = msgspec.structs.replace(asked, rehearsed=True)
    outcome = await desk.handle(command, context_of(call), asked)
    assert outcome.answer is not None, "a command with a renderer has an answer"
    replayed = outcome.replayed or not told.once
    answer = outcome.answer if replayed else with_secrets(outcome.answer, told.once)
    return answer_of(answer, outcome, desk.epoch)


def with_secrets(answer: Answer, once: Mapping[str, str]) -> Answer:
    """Return an answer that also shows what is never kept."""
    document = msgspec.json.decode(answer.body)
    document["data"] |= once
    return msgspec.structs.replace(answer, body=msgspec.json.encode(document))


def tell_later(call: Call, told: Told, loaded: Loaded, reveal: Reveal, first: Bare) -> Bare:
    """Tell what a resource has become since its command was answered with `first`."""
    answer = asked_by(call, told).render
    assert answer is not None
    shown = answer(loaded, reveal)
    kept = tuple(header for header in first.headers if header[0] != b"etag")
    headers = [(name.lower().encode(), value.encode()) for name, value in shown.headers.items()]
    return Bare(status=shown.status, body=shown.body, headers=(*kept, *headers))


def context_of(call: Call) -> Context:
    """Return who asks, and in which story."""
    principal = call.principal
    return Context(
        actor=principal.actor,
        correlation_id=call.ids.id,
        traceparent=call.ids.traceparent,
        session_id=principal.session_id,
        session_version=principal.session_version,
        origin=origin_of(call),
    )


def asked_by(call: Call, told: Told) -> Asked:
    """Return how this call asks: key, condition, and both ways to be answered."""
    call.told_at = timestamp = now_text()

    def render(loaded: Loaded, reveal: Reveal) -> Answer:
        shown = told.show(loaded, reveal)
        body = enveloped(encoded(shown), encoded(told.metadata), call.ids.id, timestamp)
        headers = {"ETag": etag(told.version(loaded)).decode()} if told.versioned else {}
        if told.location is not None:
            headers["Location"] = told.location.format(id=shown.id)
        return Answer(told.status, body, headers)

    return Asked(
        idempotency=idempotency_of(call),
        if_match=accepted_versions(call.headers),
        render=render,
        render_refusal=lambda refused: refusal_answer(refused, call.ids.id, timestamp),
    )


def refusal_answer(refused: Refused, correlation_id: str, timestamp: str) -> Answer:
    """Return what is remembered of a refusal: word for word what is told the first time."""
    bare = problem(refused, correlation_id, timestamp=timestamp)
    return Answer(bare.status, bare.body)


def idempotency_of(call: Call) -> Idempotency | None:
    """Return the key of this call within the caller's own keys, and what it stands for."""
    if call.idempotency_key is None:
        return None
    principal, desk = call.principal, call.use(Desk)
    owner = call.client_address if principal.id is None else principal.id
    scope = f"{'address' if principal.id is None else principal.kind}:{owner}"
    request_hash, *earlier = (
        fingerprint(each, call.scope, call.document) for each in (desk.secret, *desk.earlier)
    )
    return Idempotency(scope, call.idempotency_key, request_hash, tuple(earlier))


def answer_of(answer: Answer, outcome: Outcome, epoch: str) -> Bare:
    """Return what goes over the wire for an outcome, told now or remembered."""
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    headers += position_headers(outcome.position, epoch)
    if outcome.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    kind = PROBLEM_JSON if answer.status >= REFUSED_FROM else JSON
    return Bare(status=answer.status, body=answer.body, content_type=kind, headers=tuple(headers))
