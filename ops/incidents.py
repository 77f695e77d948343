"""Incidents: the streams of one account in a file, to be folded elsewhere to the same states.

The first line tells what the states were; every other line is one event of a stream. Redacted,
sealed text and where requests came from are left out, and the states are told without them.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import msgspec
from psycopg import Connection

from ledger.append.memory import folded, unheard_of
from ledger.commands.asked import Loaded
from ledger.errors import Reason, Refused
from ledger.events.recorded import Recorded
from schema.codec import decode_envelope

FORMAT = "ledgerbank-incident-v1"
PRIVATE = ("ip", "user_agent")
encode = msgspec.json.Encoder(order="sorted").encode


class State(msgspec.Struct, frozen=True):
    """What a stream comes to: its version, and a digest of its state."""

    stream: str
    version: int
    digest: str


class Beginning(msgspec.Struct, frozen=True):
    """The first line of a file."""

    format: str
    account_id: str
    position: int
    redacted: bool
    states: list[State]


class Told(msgspec.Struct, frozen=True):
    """One event: where it lay in its log, and its envelope."""

    position: int
    envelope: dict[str, Any]


def events_of(
    connection: Connection[Any], account_id: str, since: str, *, redacted: bool
) -> list[Told]:
    """Return all events of an account, and of whatever moved with it since a time."""
    values = {"account": f"account-{account_id}", "since": since}
    rows = connection.execute(EVENTS, values).fetchall()
    if not rows:
        raise Refused(Reason.ACCOUNT_NOT_FOUND, account_id=account_id)
    told = [Told(position, msgspec.json.decode(data)) for position, data in rows]
    return [without_texts(each) for each in told] if redacted else told


def without_texts(told: Told) -> Told:
    """Return an event without sealed text and without where its request came from."""
    metadata = {k: v for k, v in told.envelope["metadata"].items() if k not in PRIVATE}
    data = {
        name: {"enc": "", "kid": value["kid"]}
        if isinstance(value, dict) and value.keys() == {"enc", "kid"}
        else value
        for name, value in told.envelope["data"].items()
    }
    return Told(told.position, {**told.envelope, "metadata": metadata, "data": data})


def states_of(events: Iterable[Told]) -> list[State]:
    """Fold events and return what each stream comes to, by the name of the stream."""
    streams: dict[str, Loaded] = {}
    for told in events:
        envelope = told.envelope
        stream = envelope["stream_id"]
        decoded = decode_envelope(envelope["type"], envelope["schema_version"], encode(envelope))
        loaded = streams.get(stream) or unheard_of(stream)
        streams[stream] = folded(loaded, [Recorded(told.position, decoded)])
    return [
        State(stream, loaded.version, sha256(encode(loaded.state)).hexdigest())
        for stream, loaded in sorted(streams.items())
    ]


def lines(beginning: Beginning, events: Iterable[Told]) -> Iterator[bytes]:
    """Yield the lines of a file."""
    yield encode(beginning)
    for told in events:
        yield encode(told)


def replayed(content: Iterable[bytes]) -> tuple[Beginning, list[State]]:
    """Return what a file says that the states were, and what its events come to."""
    first, *rest = content
    beginning = msgspec.json.decode(first, type=Beginning)
    return beginning, states_of(msgspec.json.decode(line, type=Told) for line in rest)


EVENTS = """
WITH streams AS (
    SELECT %(account)s AS stream_id
    UNION
    SELECT e.stream_id FROM log.events AS mine
    JOIN log.events AS e ON e.command_id = mine.command_id
        AND e.position BETWEEN mine.position - 1000 AND mine.position + 1000
    WHERE mine.stream_id = %(account)s AND mine.recorded_at >= %(since)s
        AND split_part(e.stream_id, '-', 1) IN ('payment', 'posting', 'transfer', 'quote')
)
SELECT e.position, e.data FROM streams JOIN log.events AS e ON e.stream_id = streams.stream_id
ORDER BY e.position
"""
