"""The append in SQL: one statement is one transaction is one batch of commands.

The head row hands out contiguous positions; comparing and moving it is what makes a batch count.
Events, command answers, claims and private rows are written by the same statement.
"""

from hashlib import sha256
from typing import Any

import msgspec

from ledger.append.ports import Decided, Head
from ledger.decisions.view import ClaimChange, PrivateRow
from ledger.events.recorded import Metadata
from ledger.identity import new_id
from schema.codec import encode

NOTHING: list[Any] = []


class Outgoing(msgspec.Struct, frozen=True):
    """An envelope on its way out; the metadata of a command is encoded once for all its events."""

    data: Any
    effective_at: str
    id: str
    metadata: msgspec.Raw
    recorded_at: str
    schema_version: int
    stream_id: str
    stream_version: int
    type: str


def content_hash(position: int, envelope: bytes) -> bytes:
    """Return the leaf of an event: SHA-256(0x00, 8-byte position, stored bytes) (RFC 6962)."""
    return sha256(b"\x00" + position.to_bytes(8, "big") + envelope).digest()


def chained(previous: bytes, content: bytes) -> bytes:
    """Return the link of the chain after `previous`."""
    return sha256(previous + content).digest()


class Rows:
    """A batch as parameter arrays, with the head before and after it; grows by `add`."""

    def __init__(self, head: Head) -> None:
        self.before = head
        self.position, self.chain, self.recorded_at = (
            head.position,
            head.chain_hash,
            head.recorded_at,
        )
        self.events: list[list[Any]] = [[] for _ in range(14)]
        self.commands: list[list[Any]] = [[] for _ in range(9)]
        self.claims: dict[tuple[str, str], ClaimChange] = {}
        self.rows: dict[tuple[str, str], PrivateRow] = {}

    def add(self, each: Decided) -> None:
        """Append one command and its events to the arrays."""
        first = self.position + 1
        metadata = msgspec.Raw(encode(each.metadata))
        for stream_id, version, event in each.events:
            self.add_event(each, metadata, stream_id, version, event)
        key, request = each.command_id, each.request_hash
        values = (each.scope, each.key, key, request, first, self.position, each.answer,
                  each.answer_key, each.now)  # fmt: skip
        for column, value in zip(self.commands, values, strict=True):
            column.append(value)
        for name, change in each.claims.items():
            known = self.claims.get(name, change)
            self.claims[name] = ClaimChange(known.existed, change.after)
        for row in each.rows:
            self.rows[row.table, row.key] = row

    def add_event(
        self, each: Decided, metadata: msgspec.Raw, stream_id: str, version: int, event: Any
    ) -> None:
        """Append one event: its canonical bytes, its hash and its place in the chain."""
        now, event_id, kind = each.now, new_id(), type(event)
        name, schema_version = kind.stored_as, kind.schema_version
        data = encode(
            Outgoing(event, now, event_id, metadata, now, schema_version, stream_id, version, name)
        )
        self.position += 1
        content = content_hash(self.position, data)
        self.chain = chained(self.chain, content)
        self.recorded_at = now
        meta: Metadata = each.metadata
        values = (self.position, stream_id, version, event_id, each.command_id, name,
                  schema_version, data, meta.actor.id, meta.correlation_id, now, now, content,
                  self.chain)  # fmt: skip
        for column, value in zip(self.events, values, strict=True):
            column.append(value)

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to write."""
        return not self.commands[0]

    @property
    def head(self) -> Head:
        """Return the head after this batch."""
        return Head(self.position, self.chain, self.recorded_at, self.before.epoch)

    @property
    def statement(self) -> str:
        """Return the leanest statement that writes everything there is."""
        return APPEND_ALL if self.claims or self.rows else APPEND

    def parameters(self) -> list[Any]:
        """Return the parameters of `statement`."""
        lean = [
            self.position,
            self.chain,
            self.recorded_at,
            self.before.position,
            self.before.epoch,
        ]
        lean += self.events
        lean += self.commands
        if not (self.claims or self.rows):
            return lean
        return [*lean, *claim_columns(self.claims, self.position), *row_columns(self.rows)]


def claim_columns(claims: dict[tuple[str, str], ClaimChange], position: int) -> list[Any]:
    """Return the arrays of claims to insert, to update and to delete."""
    new: list[list[Any]] = [[], [], [], []]
    old: list[list[Any]] = [[], [], [], []]
    gone: list[list[Any]] = [[], []]
    for (namespace, key), change in claims.items():
        if change.after is None:
            values: tuple[Any, ...] = (namespace, key)
            columns = gone
        else:
            values = (namespace, key, change.after.holder, change.after.expires_at)
            columns = old if change.existed else new
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return [position, *new, position, *old, *gone]


def row_columns(rows: dict[tuple[str, str], PrivateRow]) -> list[Any]:
    """Return one JSON document per private table: its rows."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in PRIVATE_TABLES}
    for row in rows.values():
        values = {
            name: "\\x" + value.hex() if isinstance(value, bytes) else value
            for name, value in row.values.items()
        }
        tables[row.table].append({PRIVATE_TABLES[row.table]: row.key, **values})
    return [msgspec.json.encode(tables[name]).decode() for name in PRIVATE_TABLES]


PRIVATE_TABLES = {
    "data_keys": "kid",
    "credentials": "user_id",
    "principals": "user_id",
    "session_state": "session_id",
}

APPEND = """
WITH h AS (
    UPDATE log.head SET position = %b, chain_hash = %b, recorded_at = %b
    WHERE position = %b AND epoch = %b RETURNING position
), e AS (
    INSERT INTO log.events (
        position, stream_id, version, event_id, command_id, name, schema_version, data,
        actor_id, correlation_id, recorded_at, effective_at, content_hash, chain_hash
    )
    SELECT u.* FROM h, unnest(
        %b::bigint[], %b::text[], %b::bigint[], %b::text[]::uuid[], %b::text[]::uuid[], %b::text[],
        %b::smallint[], %b::bytea[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[],
        %b::bytea[]
    ) AS u
), c AS (
    INSERT INTO log.commands (
        scope, key, command_id, request_hash, first_position, last_position, answer, answer_key,
        recorded_at
    )
    SELECT u.* FROM h, unnest(
        %b::text[], %b::text[], %b::text[]::uuid[], %b::bytea[], %b::bigint[], %b::bigint[],
        %b::bytea[], %b::text[], %b::text[]
    ) AS u
)
SELECT position FROM h
"""

APPEND_ALL = (  # both halves are constants
    APPEND.removesuffix("\nSELECT position FROM h\n")
    + """, claimed AS (
    INSERT INTO log.claims (namespace, key, holder, expires_at, position)
    SELECT u.n, u.k, u.h, u.x, %b FROM h,
        unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS u (n, k, h, x)
), moved AS (
    UPDATE log.claims SET holder = u.h, expires_at = u.x, position = %b FROM h,
        unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS u (n, k, h, x)
    WHERE namespace = u.n AND key = u.k
), freed AS (
    DELETE FROM log.claims USING h, unnest(%b::text[], %b::text[]) AS u (n, k)
    WHERE namespace = u.n AND key = u.k
), keys AS (
    INSERT INTO log.data_keys (kid, subject, wrapped, wrapped_by)
    SELECT r.kid, r.subject, r.wrapped, r.wrapped_by
    FROM h, json_populate_recordset(NULL::log.data_keys, %b::text::json) AS r
), credentials AS (
    INSERT INTO log.credentials (user_id, password_hash)
    SELECT r.user_id, r.password_hash
    FROM h, json_populate_recordset(NULL::log.credentials, %b::text::json) AS r
    ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash
), principals AS (
    INSERT INTO log.principals (user_id, role, status, session_version)
    SELECT r.user_id, r.role, r.status, r.session_version
    FROM h, json_populate_recordset(NULL::log.principals, %b::text::json) AS r
    ON CONFLICT (user_id) DO UPDATE SET role = excluded.role, status = excluded.status,
        session_version = excluded.session_version
), sessions AS (
    INSERT INTO log.session_state (session_id, user_id, jti, alive, expires_at)
    SELECT r.session_id, r.user_id, r.jti, r.alive, r.expires_at
    FROM h, json_populate_recordset(NULL::log.session_state, %b::text::json) AS r
    ON CONFLICT (session_id) DO UPDATE SET jti = excluded.jti, alive = excluded.alive,
        expires_at = excluded.expires_at
)
SELECT position FROM h
"""
)

CHECK = "SELECT position FROM log.head WHERE position = %b AND epoch = %b"
HEAD = "SELECT position, chain_hash, recorded_at, epoch FROM log.head"
LOCK = HEAD + " FOR UPDATE"
