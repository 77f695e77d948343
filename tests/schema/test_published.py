"""The shapes of stored events are what was published, and old ones stay."""

from typing import Any, ClassVar

import jsonschema_rs
import msgspec
import pytest

from ledger.events.event import Event
from ledger.events.recorded import EVENT_TYPES
from schema.contracts import events
from schema.contracts.events import faults, made, published, text_of
from schema.upcasters import UPCASTERS
from tests.schema.test_codec import GOLDEN

PUBLISHED = published()


def test_the_published_shapes_are_those_of_this_program() -> None:
    assert list(faults()) == [], "run `ledgerbank schema export` and look at the difference"
    assert text_of(made(PUBLISHED)) == text_of(PUBLISHED)


def test_every_golden_obeys_its_published_shape() -> None:
    goldens = {path.stem: msgspec.json.decode(path.read_bytes()) for path in GOLDEN.iterdir()}
    assert goldens.keys() == PUBLISHED["events"].keys()
    shared = {"$schema": PUBLISHED["$schema"], "$defs": PUBLISHED["$defs"]}
    envelope = jsonschema_rs.validator_for(PUBLISHED["envelope"] | shared)
    for entry, golden in goldens.items():
        envelope.validate(golden)
        jsonschema_rs.validator_for(PUBLISHED["events"][entry] | shared).validate(golden["data"])


class Changed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountClosed"
    reason: str


class ChangedInOrder(Changed, frozen=True, kw_only=True):
    schema_version: ClassVar[int] = 2


def test_a_shape_that_changes_needs_a_new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EVENT_TYPES, "AccountClosed", Changed)
    assert list(faults()) == [
        "AccountClosed.v1 is not what was published: a change needs a new version"
    ]
    monkeypatch.setitem(EVENT_TYPES, "AccountClosed", ChangedInOrder)
    assert "AccountClosed is written as v2, lifted to v1" in list(faults())
    monkeypatch.setitem(UPCASTERS, ("AccountClosed", 1), lambda old: {**old, "reason": "?"})
    assert list(faults()) == ["AccountClosed.v2 is not published: run `ledgerbank schema export`"]
    both = made(PUBLISHED)["events"]
    assert both["AccountClosed.v1"] == PUBLISHED["events"]["AccountClosed.v1"]
    assert both["AccountClosed.v2"]["required"] == ["reason"]


def test_what_was_published_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: dict[str, Any] = {**PUBLISHED, "events": {**PUBLISHED["events"], "Gone.v1": {}}}
    monkeypatch.setattr(events, "published", lambda: gone)
    assert list(faults()) == ["Gone.v1 was published, and this program does not know it"]
    monkeypatch.setitem(UPCASTERS, ("Gone", 1), dict)
    assert "Gone v1 is lifted, but nobody knows a Gone" in list(faults())
