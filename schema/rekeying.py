"""Rekeying: unique keys that are keyed hashes, made again from the log with another index key.

What a hash stands for is read where it was written: in the sealed text of the claim's holder.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.events.connection import ConnectionRequested
from ledger.events.event import Sealed
from ledger.events.payment import PaymentCreated, PaymentEdited
from ledger.events.user import UserEmailChanged, UserRegistered
from ledger.policies.duplicates import FINGERPRINT, duplicate_parts
from schema.codec import decode_envelope
from schema.index_keys import keyed_hash
from schema.seals import ERASED, SELECT_BY_KID, DataKey, KeyEncryptionKeys, WrappedKey, reveal

BATCH_ROWS, SAMPLE_ROWS = 500, 20
Parts: TypeAlias = tuple[str | int, ...]


class OtherKey(Exception):
    """Claims were made with neither of the keys; nothing is changed."""

    def __init__(self, namespace: str, count: int) -> None:
        super().__init__(f"{count} claims in {namespace} were made with another key")


class Keyed(msgspec.Struct, frozen=True):
    """Claims that are keyed hashes, and the events of their holders that say what of.

    `text` finds the sealed part, `parts` tells all of them once it is read.
    """

    namespace: str
    stream: str
    names: tuple[str, ...]
    text: Callable[[list[Any]], Sealed]
    parts: Callable[[list[Any], str], Parts]


class Row(msgspec.Struct, frozen=True):
    """A claim, and the events of its holder as they are stored."""

    key: str
    names: list[str]
    versions: list[int]
    stored: list[bytes]

    def events(self) -> list[Any]:
        """Return what happened to the holder."""
        stored = zip(self.names, self.versions, self.stored, strict=True)
        return [decode_envelope(*each).data for each in stored]


class Read(msgspec.Struct, frozen=True):
    """A claim and what it is a hash of; None where nobody can read it any more."""

    key: str
    parts: Parts | None


def rekey(connection: Connection[Any], keks: KeyEncryptionKeys, before: bytes, after: bytes) -> int:
    """Bring every claim under `after`, in the transaction of the caller; return how many.

    A claim of erased text is given up: nobody could ever ask for it again. Raises `OtherKey`.
    """
    return sum(rekey_all(connection, keks, each, (before, after)) for each in EVERY)


def rekey_all(
    connection: Connection[Any], keks: KeyEncryptionKeys, keyed: Keyed, keys: tuple[bytes, bytes]
) -> int:
    """Bring the claims of one namespace under the second of `keys`."""
    changed, strange = 0, 0
    for batch in read(connection, keks, keyed, None):
        told = [(each.key, *hashes(keys, each.parts)) for each in batch if each.parts is not None]
        moved = [(key, new) for key, old, new in told if key == old]
        strange += sum(key not in {old, new} for key, old, new in told)
        lost = [each.key for each in batch if each.parts is None]
        connection.execute(FORGET, (keyed.namespace, lost))
        columns = [list(column) for column in zip(*moved, strict=True)] or [[], []]
        changed += connection.execute(MOVE, (*columns, keyed.namespace)).rowcount
    if strange:
        raise OtherKey(keyed.namespace, strange)
    return changed


def hashes(keys: tuple[bytes, bytes], parts: Parts) -> tuple[str, str]:
    """Return the hash under either key."""
    return keyed_hash(keys[0], *parts), keyed_hash(keys[1], *parts)


def fits(connection: Connection[Any], keks: KeyEncryptionKeys, index_key: bytes) -> bool:
    """Say whether some claims of addresses, if there are any, were made with this key."""
    with connection.transaction():
        return all(
            each.parts is None or keyed_hash(index_key, *each.parts) == each.key
            for batch in read(connection, keks, ADDRESS, SAMPLE_ROWS)
            for each in batch
        )


def read(
    connection: Connection[Any], keks: KeyEncryptionKeys, keyed: Keyed, limit: int | None
) -> Iterator[list[Read]]:
    """Yield claims in batches, with what they are hashes of."""
    values = {
        "namespace": keyed.namespace,
        "stream": keyed.stream,
        "names": list(keyed.names),
        "limit": limit,
    }
    with connection.cursor(name="rekeyed", row_factory=class_row(Row)) as cursor:
        cursor.execute(CLAIMS, values)
        while rows := cursor.fetchmany(BATCH_ROWS):
            found = [(row.key, row.events()) for row in rows]
            at_hand = data_keys(connection, keks, [keyed.text(events) for _, events in found])
            yield [Read(key, parts_of(keyed, events, at_hand)) for key, events in found]


def parts_of(keyed: Keyed, events: list[Any], at_hand: Mapping[str, DataKey]) -> Parts | None:
    """Return what a claim is a hash of; None for text that is erased."""
    text = reveal(keyed.text(events), at_hand)
    return None if text is None or text == ERASED else keyed.parts(events, text)


def data_keys(
    connection: Connection[Any], keks: KeyEncryptionKeys, texts: list[Sealed]
) -> dict[str, DataKey]:
    """Return the data keys of texts, without those that are lost or wrapped by a key unknown."""
    cursor = connection.cursor(row_factory=class_row(WrappedKey))
    rows = cursor.execute(SELECT_BY_KID.encode(), ([each.kid for each in texts],)).fetchall()
    return {row.kid: keks.unwrap(row) for row in rows if row.wrapped_by in keks.ciphers}


def described(events: list[Any]) -> Sealed:
    """Return what a payment says at last."""
    told = [each.description for each in events if each.description is not None]
    text: Sealed = told[-1]
    return text


def payment_parts(events: list[Any], text: str) -> Parts:
    """Return what makes a payment a duplicate."""
    made: PaymentCreated = events[0]
    return duplicate_parts(made.user_id, made.amount, made.currency, text, made.direction)


def connection_parts(events: list[Any], text: str) -> Parts:
    """Return what makes two connections the same."""
    asked: ConnectionRequested = events[0]
    return CONNECTION, asked.user_id, asked.bank_branch_id, text


CONNECTION = "connection"
ADDRESS = Keyed(
    "email",
    "user-",
    (UserRegistered.stored_as, UserEmailChanged.stored_as),
    lambda events: events[-1].email,
    lambda _, text: (text,),
)
EVERY = (
    ADDRESS,
    Keyed(
        FINGERPRINT,
        "payment-",
        (PaymentCreated.stored_as, PaymentEdited.stored_as),
        described,
        payment_parts,
    ),
    Keyed(
        CONNECTION,
        "connection-",
        (ConnectionRequested.stored_as,),
        lambda events: events[0].username,
        connection_parts,
    ),
)
"""Every kind of claim that is a keyed hash."""

CLAIMS = b"""
SELECT c.key, e.names, e.versions, e.stored
FROM (
    SELECT key, holder FROM log.claims WHERE namespace = %(namespace)s
    ORDER BY key LIMIT %(limit)s
) AS c
CROSS JOIN LATERAL (
    SELECT array_agg(name ORDER BY version) AS names,
        array_agg(schema_version::int ORDER BY version) AS versions,
        array_agg(data ORDER BY version) AS stored
    FROM log.events WHERE stream_id = %(stream)s || c.holder AND name = ANY(%(names)s)
    HAVING count(*) > 0
) AS e
"""
MOVE = b"""
UPDATE log.claims AS claim SET key = made.after
FROM unnest(%s::text[], %s::text[]) AS made (before, after)
WHERE claim.namespace = %s AND claim.key = made.before
"""
FORGET = b"DELETE FROM log.claims WHERE namespace = %s AND key = ANY(%s)"
