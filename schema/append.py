"""The append in SQL: one statement is one transaction is one batch of commands.

The head row hands out contiguous positions; comparing and moving it is what makes a batch count.
Events, command answers, claims and private rows are written by the same statement.
"""

from hashlib import sha256
from typing import Any

import msgspec

from ledger.append.ports import Decided, Head
from ledger.decisions.view import ClaimChange, PrivateRow
from ledger.identity import new_id
from schema.codec import encode
from schema.columns import CommandColumns, EventColumns


class Outgoing(msgspec.Struct, frozen=True, gc=False):
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
        self.position, self.chain = head.position, head.chain_hash
        self.recorded_at = head.recorded_at
        self.events = EventColumns()
        self.commands = CommandColumns()
        self.claims: dict[tuple[str, str], ClaimChange] = {}
        self.rows: dict[tuple[str, str], PrivateRow] = {}

    def add(self, each: Decided) -> None:
        """Append one command and its events to the arrays."""
        first = self.position + 1
        metadata = msgspec.Raw(encode(each.metadata))
        for place, (stream_id, version, event) in enumerate(each.events):
            times = (each.now, each.back_dated.get(place, each.now))
            self.add_event(times, metadata, stream_id, version, event)
        if each.events:
            self.recorded_at = each.now
            self.events.add_command(each, len(each.events))
        self.commands.add(each, first, self.position)
        for name, change in each.claims.items():
            known = self.claims.get(name, change)
            self.claims[name] = ClaimChange(known.existed, change.after)
        for row in each.rows:
            self.rows[row.table, row.key] = row

    def add_event(
        self,
        times: tuple[str, str],
        metadata: msgspec.Raw,
        stream_id: str,
        version: int,
        event: Any,
    ) -> None:
        """Append one event: its canonical bytes, its hash and its place in the chain.

        `times`: when it is recorded, and since when it counts.
        """
        (now, effective_at), event_id, kind = times, new_id(), type(event)
        name, schema_version = kind.stored_as, kind.schema_version
        data = encode(
            Outgoing(
                event,
                effective_at,
                event_id,
                metadata,
                now,
                schema_version,
                stream_id,
                version,
                name,
            )
        )
        self.position += 1
        content = content_hash(self.position, data)
        self.chain = chained(self.chain, content)
        columns = self.events
        columns.stream_id.add(stream_id)
        columns.version.add(version)
        columns.event_id.add(event_id)
        columns.name.add(name)
        columns.schema_version.add(schema_version)
        columns.data.add(data)
        columns.content_hash.add(content)
        columns.chain_hash.add(self.chain)

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to write."""
        return not self.commands.scope.count

    @property
    def head(self) -> Head:
        """Return the head after this batch."""
        return Head(self.position, self.chain, self.recorded_at, self.before.epoch)

    @property
    def statement(self) -> str:
        """Return the leanest statement that writes everything there is."""
        if not (self.claims or self.rows):
            return APPEND
        return APPEND_AND_REMOVE if self.removed else APPEND_ALL

    @property
    def removed(self) -> list[PrivateRow]:
        """Return the private rows that have to go."""
        return [row for row in self.rows.values() if row.values is None]

    def parameters(self) -> list[Any]:
        """Return the parameters of `statement`."""
        before = self.before
        lean = [self.position, self.chain, self.recorded_at, before.position, before.epoch]
        lean += [before.position, *self.events.parameters(), *self.commands.parameters()]
        if not (self.claims or self.rows):
            return lean
        all_told = [*lean, *claim_columns(self.claims, self.position), *row_columns(self.rows)]
        return [*all_told, *removal_columns(self.removed)] if self.removed else all_told


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
        if row.values is None:
            continue
        values = {
            name: "\\x" + value.hex() if isinstance(value, bytes) else value
            for name, value in row.values.items()
        }
        tables[row.table].append({PRIVATE_TABLES[row.table]: row.key, **values})
    return [msgspec.json.encode(tables[name]).decode() for name in PRIVATE_TABLES]


def removal_columns(rows: list[PrivateRow]) -> list[list[str]]:
    """Return one array of keys per private table that rows can be removed from."""
    assert all(row.table in REMOVABLE_TABLES for row in rows), rows
    return [[row.key for row in rows if row.table == table] for table in REMOVABLE_TABLES]


REMOVABLE_TABLES = ("data_keys", "credentials")
PRIVATE_TABLES = {
    "data_keys": "kid",
    "credentials": "user_id",
    "principals": "user_id",
    "session_state": "session_id",
    "service_keys": "service_id",
    "bank_tokens": "connection_id",
}

WRITES = """
WITH h AS (
    UPDATE log.head SET position = %b, chain_hash = %b, recorded_at = %b
    WHERE position = %b AND epoch = %b RETURNING position
), e AS (
    INSERT INTO log.events (
        position, stream_id, version, event_id, command_id, name, schema_version, data,
        actor_id, correlation_id, recorded_at, effective_at, content_hash, chain_hash
    )
    SELECT %b + u.place, u.stream_id, u.version, u.event_id, u.command_id, u.name,
        u.schema_version, u.data, u.actor_id, u.correlation_id, u.recorded_at, u.effective_at,
        u.content_hash, u.chain_hash
    FROM h, unnest(
        %b::text[], %b::bigint[], %b::uuid[], %b::uuid[], %b::text[], %b::smallint[], %b::bytea[],
        %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::bytea[]
    ) WITH ORDINALITY AS u (
        stream_id, version, event_id, command_id, name, schema_version, data, actor_id,
        correlation_id, recorded_at, effective_at, content_hash, chain_hash, place
    )
), c AS (
    INSERT INTO log.commands (
        scope, key, command_id, request_hash, first_position, last_position, answer, answer_key,
        recorded_at
    )
    SELECT u.* FROM h, unnest(
        %b::text[], %b::text[], %b::uuid[], %b::bytea[], %b::bigint[], %b::bigint[],
        %b::bytea[], %b::text[], %b::text[]
    ) AS u
)
"""

PRIVATE_WRITES = """, claimed AS (
    INSERT INTO log.claims (namespace, key, holder, expires_at, position)
    SELECT u.n, u.k, u.h, u.x, %b FROM h,
        unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS u (n, k, h, x)
), moved AS (
    INSERT INTO log.claims (namespace, key, holder, expires_at, position)
    SELECT u.n, u.k, u.h, u.x, %b FROM h,
        unnest(%b::text[], %b::text[], %b::text[], %b::text[]) AS u (n, k, h, x)
    ON CONFLICT (namespace, key) DO UPDATE SET holder = excluded.holder,
        expires_at = excluded.expires_at, position = excluded.position
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
), machines AS (
    INSERT INTO log.service_keys (service_id, key_hash, generation, scopes, status)
    SELECT r.service_id, r.key_hash, r.generation, r.scopes, r.status
    FROM h, json_populate_recordset(NULL::log.service_keys, %b::text::json) AS r
    ON CONFLICT (service_id) DO UPDATE SET
        key_hash = coalesce(excluded.key_hash, service_keys.key_hash),
        generation = excluded.generation, scopes = excluded.scopes, status = excluded.status
), bank_tokens AS (
    INSERT INTO log.bank_tokens (connection_id, token_ref, key_id, access, refresh, expires_at)
    SELECT r.connection_id, r.token_ref, r.key_id, r.access, r.refresh, r.expires_at
    FROM h, json_populate_recordset(NULL::log.bank_tokens, %b::text::json) AS r
    ON CONFLICT (connection_id) DO UPDATE SET token_ref = excluded.token_ref,
        key_id = excluded.key_id, access = excluded.access, refresh = excluded.refresh,
        expires_at = excluded.expires_at
)
"""

REMOVALS = """, lost_keys AS (
    DELETE FROM log.data_keys USING h, unnest(%b::uuid[]) AS u (k) WHERE kid = u.k
), lost_credentials AS (
    DELETE FROM log.credentials USING h, unnest(%b::uuid[]) AS u (k) WHERE user_id = u.k
)
"""

TOLD = "SELECT position FROM h"

APPEND = f"{WRITES} {TOLD}"  # constants
APPEND_ALL = f"{WRITES} {PRIVATE_WRITES} {TOLD}"  # constants
APPEND_AND_REMOVE = f"{WRITES} {PRIVATE_WRITES} {REMOVALS} {TOLD}"  # constants
CHECK = "SELECT position FROM log.head WHERE position = %b AND epoch = %b"
HEAD = "SELECT position, chain_hash, recorded_at, epoch FROM log.head"
LOCK = HEAD + " FOR UPDATE"
