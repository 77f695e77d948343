"""Stored events: envelope ⇄ canonical bytes, found by stored name and schema version."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent
from typing_extensions import override

from ledger.events.event import Event
from ledger.events.recorded import EVENT_TYPES, AnyEvent, Envelope, Recorded
from schema.upcasters import current_version, upcast

Decode: TypeAlias = Callable[[bytes], Envelope[AnyEvent]]

encode: Callable[[Any], bytes] = msgspec.json.Encoder(order="sorted").encode
"""Canonical JSON (sorted keys, no blanks): what is stored is what is hashed, for ever."""


class OldEnvelope(Envelope[dict[str, Any]], frozen=True, kw_only=True):
    """An envelope whose payload has an older shape."""


decode_old = msgspec.json.Decoder(OldEnvelope).decode


def decoder_of(event_type: type[Event]) -> Decode:
    """Return the one-pass decoder of envelopes that hold `event_type`."""
    return msgspec.json.Decoder(Envelope[event_type]).decode  # type: ignore[valid-type]  # at run time


DECODERS: dict[str, Decode] = {name: decoder_of(kind) for name, kind in EVENT_TYPES.items()}


def decode_envelope(name: str, schema_version: int, data: bytes) -> Envelope[AnyEvent]:
    """Read stored bytes as today's event, lifting older schema versions step by step.

    Raises `KeyError` for a name and `msgspec.ValidationError` for bytes that nobody ever wrote,
    or that a newer program wrote: what it added must not be lost.
    """
    if schema_version == current_version(name):
        return DECODERS[name](data)
    if schema_version > current_version(name):
        raise msgspec.ValidationError(f"{name} v{schema_version} is of a newer program")
    old = decode_old(data)
    event = msgspec.convert(upcast(name, schema_version, old.data), EVENT_TYPES[name])
    fields = {field: getattr(old, field) for field in Envelope.__struct_fields__}
    return Envelope(**{**fields, "data": event, "schema_version": current_version(name)})


class EventCodec(Mapper[str]):
    """The library's mapper: an event's topic is its stored name, its state the envelope's bytes."""

    @override
    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        assert isinstance(domain_event, Recorded)
        envelope = domain_event.envelope
        return StoredEvent(
            originator_id=envelope.stream_id,
            originator_version=envelope.stream_version,
            topic=envelope.type,
            state=encode(envelope),
        )

    @override
    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        version = msgspec.json.decode(stored_event.state, type=Versioned).schema_version
        envelope = decode_envelope(stored_event.topic, version, stored_event.state)
        return Recorded(getattr(stored_event, "id", 0), envelope)


class Versioned(msgspec.Struct):
    """The one field that says how to read the rest."""

    schema_version: int
