"""The base of every event, and personal text in its two forms."""

from typing import Any, ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact: what happened, never who stored it or when. Money is int minor units.

    The garbage collector need not know of facts and states: frozen, they are in no cycle.
    """

    stored_as: ClassVar[str]
    """The stored name: part of the log for ever, whatever the class is called."""
    schema_version: ClassVar[int] = 1


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """Personal text as stored: base64 ciphertext under data key `kid` (events_audit.md §8)."""

    enc: str
    kid: str


class Private(msgspec.Struct, frozen=True, gc=False):
    """Personal text on its way in: sealed under the key of user `owner` before any decision.

    `owner` may also be the stream of an account or a payment: then it is the person it belongs to.
    """

    text: str
    owner: str


PersonalText = Sealed | Private
"""What a command carries: `Private` from the edge; only `Sealed` reaches a decision."""


def stored_name(event_type: type[Event]) -> str:
    """Return the name `event_type` is stored under; it outlives the class."""
    return event_type.stored_as


def sealed(text: PersonalText) -> Sealed:
    """Return `text`, which the application has sealed by now."""
    assert isinstance(text, Sealed), "personal text is sealed before it is decided upon"
    return text


def sealed_or_none(text: PersonalText | None) -> Sealed | None:
    """Return optional personal text in its stored form."""
    return None if text is None else sealed(text)


Data = dict[str, Any]
