"""Stored bytes on their way into the log: one command's rows on top of a locked head.

The bytes are written as they are given; columns and hashes are worked out from them.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from ledger.append.ports import Head
from ledger.events.recorded import SYSTEM, Metadata
from ledger.identity import new_id
from schema.append import chained, content_hash


class Mislabelled(Exception):
    """An envelope says it belongs elsewhere than where it was to be stored."""


class Stored(msgspec.Struct, frozen=True):
    """An event as it is kept: its place in its stream, its name and its bytes."""

    stream_id: str
    version: int
    name: str
    data: bytes


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns of `log.events` repeat of an envelope."""

    id: str
    type: str
    schema_version: int
    stream_id: str
    stream_version: int
    recorded_at: str
    effective_at: str
    metadata: Metadata


read_facts = msgspec.json.Decoder(Facts).decode


def facts_of(stored: Stored, recorded_at: str) -> Facts:
    """Read the facts of an event; bytes that are no envelope are of `recorded_at` and nobody."""
    try:
        facts = read_facts(stored.data)
    except msgspec.DecodeError:
        return Facts(
            id=new_id(),
            type=stored.name,
            schema_version=1,
            stream_id=stored.stream_id,
            stream_version=stored.version,
            recorded_at=recorded_at,
            effective_at=recorded_at,
            metadata=Metadata(actor=SYSTEM, correlation_id=""),
        )
    label = (stored.stream_id, stored.version, stored.name)
    if (facts.stream_id, facts.stream_version, facts.type) != label:
        raise Mislabelled(f"the envelope stored as {label} is that of another event")
    return facts


def command_rows(head: Head, events: Sequence[Stored]) -> list[Any]:
    """Return the parameters of `schema.append.APPEND` for one command on top of `head`.

    Raises `Mislabelled`.
    """
    command_id, recorded_at = new_id(), head.recorded_at
    position, chain = head.position, head.chain_hash
    rows: list[tuple[Any, ...]] = []
    for stored in events:
        facts = facts_of(stored, recorded_at)
        recorded_at = max(recorded_at, facts.recorded_at)
        position += 1
        content = content_hash(position, stored.data)
        chain = chained(chain, content)
        rows.append(
            (facts.stream_id, facts.stream_version, facts.id, command_id, facts.type,
             facts.schema_version, stored.data, facts.metadata.actor.id,
             facts.metadata.correlation_id, facts.recorded_at, facts.effective_at, content, chain)
        )  # fmt: skip
    command = (
        "",
        command_id,
        command_id,
        None,
        head.position + 1,
        position,
        None,
        None,
        recorded_at,
    )
    return [
        *(position, chain, recorded_at, head.position, head.epoch, head.position),
        *(list(column) for column in zip(*rows, strict=True)),
        *([value] for value in command),
    ]
