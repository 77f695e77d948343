"""The codec: what is stored is one sequence of bytes, readable for ever.

A new event type or schema version needs a golden: the bytes as they are stored, in
`golden/<stored name>.v<schema version>.json`. A golden is never edited.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eventsourcing.persistence import JSONTranscoder, Notification, StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from ledger.events.event import Event
from ledger.events.recorded import EVENT_TYPES, Envelope, Recorded
from schema.codec import EventCodec, decode_envelope, encode
from schema.upcasters import UPCASTERS, current_version
from tests.schema.shapes import envelopes

GOLDEN = Path(__file__).parent / "golden"
CODEC = EventCodec(JSONTranscoder())
every_type = pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES.keys())
every_shape = pytest.mark.parametrize(
    "kind",
    {tuple((f.name, f.type) for f in fields(kind)): kind for kind in EVENT_TYPES.values()}.values(),
    ids=lambda kind: kind.stored_as,
)
"""One type for each set of fields: types that differ in name only are written alike."""
every_golden = pytest.mark.parametrize(
    "golden", sorted(GOLDEN.iterdir()), ids=lambda path: path.stem
)


def name_and_version(golden: Path) -> tuple[str, int]:
    match = re.fullmatch(r"(\w+)\.v([1-9]\d*)\.json", golden.name)
    assert match, f"{golden.name} is not <stored name>.v<schema version>.json"
    return match[1], int(match[2])


def test_every_shape_ever_stored_has_a_golden() -> None:
    shapes = {
        (name, version) for name in EVENT_TYPES for version in range(1, current_version(name) + 1)
    }
    assert {name_and_version(golden) for golden in GOLDEN.iterdir()} == shapes


@every_golden
def test_a_golden_reads_as_todays_event(golden: Path) -> None:
    name, version = name_and_version(golden)
    envelope = decode_envelope(name, version, golden.read_bytes())
    assert type(envelope.data) is EVENT_TYPES[name]
    assert (envelope.type, envelope.schema_version) == (name, current_version(name))


@every_golden
def test_a_golden_of_today_is_written_as_it_was(golden: Path) -> None:
    name, version = name_and_version(golden)
    content = golden.read_bytes()
    if version == current_version(name):
        assert encode(decode_envelope(name, version, content)) == content


@every_golden
def test_a_golden_is_canonical(golden: Path) -> None:
    """Sorted keys, no blanks, plain UTF-8: said by another program than the one that wrote it."""
    content = golden.read_bytes()
    canonical = json.dumps(
        json.loads(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert canonical.encode() == content


@every_type
def test_the_class_and_the_upcasters_agree_on_the_version(kind: type[Event]) -> None:
    assert kind.schema_version == current_version(kind.stored_as)


@every_shape
@settings(max_examples=settings().max_examples // 10)
@given(data=st.data())
def test_every_event_survives(kind: type[Event], data: st.DataObject) -> None:
    envelope = data.draw(envelopes(kind))
    content = encode(envelope)
    assert decode_envelope(kind.stored_as, kind.schema_version, content) == envelope
    assert sorted_throughout(json.loads(content))
    assert encode(json.loads(content)) == content


def sorted_throughout(document: Any) -> bool:
    if isinstance(document, dict):
        keys = list(document)
        return keys == sorted(keys) and all(map(sorted_throughout, document.values()))
    return not isinstance(document, list) or all(map(sorted_throughout, document))


def test_the_librarys_mapper_stores_the_same_bytes() -> None:
    content = (GOLDEN / "PostingBooked.v1.json").read_bytes()
    envelope = decode_envelope("PostingBooked", 1, content)
    stored = CODEC.to_stored_event(Recorded(0, envelope))
    place = (envelope.stream_id, envelope.stream_version, "PostingBooked")
    assert stored == StoredEvent(*place, content)
    assert CODEC.to_domain_event(stored) == Recorded(0, envelope)
    assert CODEC.to_domain_event(Notification(*place, content, 7)) == Recorded(7, envelope)


def test_an_old_shape_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    content = (GOLDEN / "AdminLeft.v1.json").read_bytes().replace(b'"cause"', b'"why"')
    monkeypatch.setitem(UPCASTERS, ("AdminLeft", 1), lambda old: {**old, "motive": old["why"]})
    monkeypatch.setitem(UPCASTERS, ("AdminLeft", 2), lambda old: {**old, "cause": old["motive"]})
    lifted = decode_envelope("AdminLeft", 1, content)
    monkeypatch.undo()
    today = decode_envelope("AdminLeft", 1, (GOLDEN / "AdminLeft.v1.json").read_bytes())
    assert lifted == msgspec.structs.replace(today, schema_version=3)


def test_a_shape_of_a_newer_program_is_not_guessed_at() -> None:
    content = (GOLDEN / "AdminLeft.v1.json").read_bytes()
    with pytest.raises(msgspec.ValidationError, match="AdminLeft"):
        decode_envelope("AdminLeft", 2, content)


def test_a_name_that_nobody_stored_is_unknown() -> None:
    with pytest.raises(KeyError):
        decode_envelope("AdminVanished", 1, b"{}")


@pytest.mark.parametrize(
    ("spoiled", "by"),
    [(b'"amount":12345', b'"amount":123.45'), (b'"amount":12345,', b""), (b"}", b"")],
    ids=["a fraction of a minor unit", "an amount left out", "cut short"],
)
def test_bytes_that_nobody_stored_are_refused(spoiled: bytes, by: bytes) -> None:
    content = (GOLDEN / "AccountDebited.v1.json").read_bytes()
    with pytest.raises(msgspec.DecodeError):
        decode_envelope("AccountDebited", 1, content.replace(spoiled, by))


def test_an_envelope_has_no_position() -> None:
    """The position is in the hash beside the bytes, because the append gives it out last."""
    assert "position" not in Envelope.__struct_fields__
