"""Shapes of events as inspectors see them (http.md §3)."""

from typing import Any

import msgspec

from api.audit_shapes import Actor
from api.shapes import Id, Shape, Time


class Event(Shape, frozen=True):
    """One event of the log; personal fields are in clear, or "[erased]"."""

    position: int
    id: Id
    stream_id: str
    stream_version: int
    type: str
    schema_version: int
    data: dict[str, Any]
    actor: Actor
    correlation_id: str
    causation_id: str | None
    recorded_at: Time
    leaf_hash: str


class SingleEvent(Event, frozen=True):
    """One event by its position; asked for raw, with ciphertexts and its exact bytes (base64)."""

    stored: str | msgspec.UnsetType = msgspec.UNSET
