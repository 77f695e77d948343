"""Snapshots: a state comes back as it was, and a state of another shape is not found any more."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.commands.asked import Loaded
from ledger.decisions.streams import STREAM_TYPES
from ledger.identity import new_id
from schema.snapshots import NAMES, freeze, shape_of, snapshot_name, thaw
from tests.schema.shapes import values

every_stream_type = pytest.mark.parametrize("name", STREAM_TYPES)


@every_stream_type
@settings(max_examples=settings().max_examples // 10)
@given(st.data())
def test_a_state_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    loaded = Loaded(
        state=data.draw(values(STREAM_TYPES[name].states)),
        version=data.draw(st.integers(1)),
        inserted_at=data.draw(st.text()),
        updated_at=data.draw(st.text()),
        stream_id=f"{name}-{new_id()}",
    )
    assert thaw(loaded.stream_id, loaded.version, freeze(loaded)) == loaded


@every_stream_type
def test_the_beginning_is_a_state_too(name: str) -> None:
    loaded = Loaded(STREAM_TYPES[name].initial, 0, "", "", f"{name}-{new_id()}")
    assert thaw(loaded.stream_id, 0, freeze(loaded)) == loaded


@every_stream_type
def test_a_snapshot_is_named_after_its_stream_type(name: str) -> None:
    assert snapshot_name(f"{name}-{new_id()}") == NAMES[name]
    assert NAMES[name].startswith(f"{name}.")


def test_one_name_for_one_shape() -> None:
    assert len(set(NAMES.values())) == len(STREAM_TYPES)
    assert snapshot_name("roster-admins") == NAMES["roster"]


def shape(name: str = "Open", tag: str = "open", **fields: Any) -> str:
    """Return the digest of a state class with these fields, beside a state without any."""
    kind = msgspec.defstruct(name, list(fields.items()), frozen=True, tag=tag)
    nothing = msgspec.defstruct("Unopened", [], frozen=True, tag="unopened")
    return shape_of(kind | nothing)


def test_the_same_shape_has_the_same_digest() -> None:
    assert shape(balance=int) == shape(balance=int)


@pytest.mark.parametrize(
    "changed",
    [
        shape(balance=int, held=int),
        shape(),
        shape(balance=str),
        shape(balance=int | None),
        shape(saldo=int),
        shape(tag="opened", balance=int),
        shape(balance=msgspec.defstruct("Amount", [("minor", int)])),
    ],
    ids=["more", "less", "another type", "optional", "renamed", "another tag", "nested"],
)
def test_another_shape_has_another_digest(changed: str) -> None:
    assert changed != shape(balance=int)


def test_a_change_deep_inside_a_state_changes_its_digest() -> None:
    def holding(**fields: Any) -> str:
        hold: Any = msgspec.defstruct("Hold", list(fields.items()))
        return shape(holds=dict[str, hold])

    assert holding(remaining=int) != holding(remaining=int, counted=bool)
    assert holding(remaining=int) == holding(remaining=int)
