"""From a call to the ledger and back: context, key, condition, answer, replay (http.md §1.9)."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from api.app import create_app
from api.asking import Desk, Told, ask
from api.call import Call
from api.callers import ANYONE, HUMAN
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import text
from api.reply import Bare
from ledger.commands.asked import Answer, Asked, Loaded, Outcome, Reveal
from ledger.commands.command import Command, Context
from ledger.errors import Reason, Refused
from ledger.events.event import Sealed
from tests.api.desk import authenticate
from tests.api.serving import Served, serving


class NameThing(Command, frozen=True):
    name: str


class Thing(msgspec.Struct, frozen=True):
    id: str
    name: str


def show(loaded: Loaded, reveal: Reveal) -> Thing:
    return Thing("t1", reveal(loaded.state) or "[erased]")


def unsealed(sealed: Sealed | None) -> str | None:
    return sealed.enc if sealed else None


class Remembering:
    """Keeps the promise of the ledger towards idempotency keys, in memory."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], tuple[bytes, Answer, int]] = {}
        self.contexts: list[Context] = []
        self.asked: list[Asked] = []
        self.position = 40

    async def handle(self, command: Command, context: Context, asked: Asked) -> Outcome:
        self.contexts.append(context)
        self.asked.append(asked)
        key = asked.idempotency
        if key is not None and (found := self.known.get((key.scope, key.key))):
            if found[0] != key.request_hash:
                raise Refused(Reason.IDEMPOTENCY_KEY_REUSED)
            return Outcome(found[2], None, found[1], replayed=True)
        assert isinstance(command, NameThing)
        assert asked.render is not None
        assert asked.render_refusal is not None
        self.position += 1
        loaded = Loaded(Sealed(command.name, "k1"), 3, "t", "t")
        if command.name == "poor":
            refused = Refused(Reason.INSUFFICIENT_FUNDS, field="amount")
            answer = asked.render_refusal(refused)
        else:
            answer = asked.render(loaded, unsealed)
        if key is not None:
            self.known[key.scope, key.key] = (key.request_hash, answer, self.position)
        if command.name == "poor":
            raise Refused(Reason.INSUFFICIENT_FUNDS, field="amount")
        return Outcome(self.position, loaded, answer)


TOLD = Told(show=show, status=201, location="/api/named/{id}", metadata={"action": "named"})
BODY = FieldTable((Field("name", text(1, 9), required=True), Field("password", text(1, 9))))


async def name_thing(call: Call) -> Bare:
    return await ask(call, NameThing(name=call.body["name"]), TOLD)


ENDPOINTS = tuple(
    Endpoint(method="POST", path=path, handler=name_thing, who=who, summary="Name", tag="test",
             body=BODY, keyed=True, status=201)
    for path, who in (("/api/named", HUMAN), ("/api/anonymous", ANYONE))
)  # fmt: skip


@pytest.fixture
def remembering() -> Remembering:
    return Remembering()


@pytest.fixture
def bank(remembering: Remembering) -> Iterator[Served]:
    desk = Desk(handle=remembering.handle, epoch="ab12", secret=b"s" * 32)
    with serving(create_app(ENDPOINTS, {Desk: desk}, authenticate=authenticate)) as served:
        yield served


def post(bank: Served, body: Any, path: str = "/api/named", **headers: str) -> Any:
    return bank.post(path, body, authorization="Bearer alice", **headers)


def test_a_command_is_answered_with_its_place_in_the_log(
    bank: Served, remembering: Remembering
) -> None:
    answer = post(bank, {"name": "Ann"}, x_correlation_id="story-1", if_match='"2", W/"3"')
    assert answer.status_code == 201
    assert answer.json()["data"] == {"id": "t1", "name": "Ann"}
    assert answer.json()["metadata"] == {"action": "named"}
    assert answer.json()["correlation_id"] == "story-1"
    told = {
        name: answer.headers[name]
        for name in ("etag", "location", "ledger-position", "ledger-epoch")
    }
    assert told == {
        "etag": '"3"',
        "location": "/api/named/t1",
        "ledger-position": "41",
        "ledger-epoch": "ab12",
    }
    assert "idempotent-replayed" not in answer.headers
    (context,), (asked,) = remembering.contexts, remembering.asked
    assert (context.actor.type, context.actor.id, context.actor.role) == ("user", "a", "user")
    assert (context.correlation_id, context.session_id, context.session_version) == (
        "story-1",
        "s",
        1,
    )
    assert context.traceparent == answer.headers["traceparent"]
    assert asked.if_match == (2,)
    assert asked.idempotency is None


def test_the_same_key_and_request_is_answered_with_the_same_bytes(bank: Served) -> None:
    first = post(bank, {"name": "Ann", "password": "one"}, idempotency_key="k")
    again = post(bank, {"password": "two", "name": "Ann"}, idempotency_key='"k"')
    assert again.content == first.content
    assert again.status_code == first.status_code
    for name in ("etag", "location", "ledger-position", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotent-replayed"] == "true"
    other = post(bank, {"name": "Bob"}, idempotency_key="k")
    assert other.json()["reason"] == "idempotency_key_reused"


def test_a_remembered_refusal_is_told_again(bank: Served) -> None:
    first = post(bank, {"name": "poor"}, idempotency_key="k")
    again = post(bank, {"name": "poor"}, idempotency_key="k")
    assert first.status_code == again.status_code == 422
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["errors"] == first.json()["errors"]


def test_keys_belong_to_who_uses_them(bank: Served, remembering: Remembering) -> None:
    post(bank, {"name": "Ann"}, idempotency_key="k")
    bank.post("/api/named", {"name": "Ann"}, authorization="Bearer admin", idempotency_key="k")
    bank.post("/api/anonymous", {"name": "Ann"}, idempotency_key="k")
    scopes = [asked.idempotency.scope for asked in remembering.asked if asked.idempotency]
    assert scopes == ["user:a", "user:b", "address:127.0.0.1"]
    assert remembering.contexts[-1].actor.type == "anonymous"
