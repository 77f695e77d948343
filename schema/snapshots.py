"""Snapshots: a stream's state as a row, so that any stream loads in O(1). Disposable."""

from hashlib import sha256
from typing import Any

import msgspec

from ledger.commands.asked import Loaded
from ledger.decisions.streams import STREAM_TYPES, type_of


class Snapshot(msgspec.Struct, frozen=True):
    """What the `state` column holds: the state and its times; the version is a column."""

    state: msgspec.Raw
    inserted_at: str
    updated_at: str


def shape_of(states: Any) -> str:
    """Return a digest of everything a state can look like: another shape is another snapshot."""
    schema = msgspec.json.encode(msgspec.json.schema(states), order="sorted")
    return sha256(schema).hexdigest()[:16]


NAMES = {name: f"{name}.{shape_of(kind.states)}" for name, kind in STREAM_TYPES.items()}
"""The name under which states of each stream type are kept; old shapes are not found any more."""

DECODERS = {name: msgspec.json.Decoder(kind.states).decode for name, kind in STREAM_TYPES.items()}


def snapshot_name(stream_id: str) -> str:
    """Return the name that a snapshot of this stream must have to be of use."""
    return NAMES[type_of(stream_id)]


def freeze(loaded: Loaded) -> bytes:
    """Encode a state for keeping."""
    state = msgspec.Raw(msgspec.json.encode(loaded.state))
    return msgspec.json.encode(Snapshot(state, loaded.inserted_at, loaded.updated_at))


def thaw(stream_id: str, version: int, content: bytes) -> Loaded:
    """Decode a kept state."""
    snapshot = msgspec.json.decode(content, type=Snapshot)
    state = DECODERS[type_of(stream_id)](bytes(snapshot.state))
    return Loaded(state, version, snapshot.inserted_at, snapshot.updated_at, stream_id)
