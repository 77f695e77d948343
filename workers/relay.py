"""The relay: turns the log into jobs, in position order, each position once.

What process managers want and the checkpoint move in one database transaction. One relay is live
at a time: it holds the lease of the checkpoint row, and its token fences out all earlier holders.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection

from ledger.events.recorded import AnyEvent, Envelope, Recorded
from workers.crashpoints import CrashPoint, harmless
from workers.database import Clock, Pool, transaction
from workers.effects import carry_out
from workers.presence import GONE
from workers.process_managers import ProcessManager, Step, follow

Decode: TypeAlias = Callable[[str, int, bytes], Envelope[AnyEvent]]


class Overtaken(Exception):
    """Another relay holds the lease; nothing of this turn was written."""


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """Follows the log for `managers`, at most `batch` positions a turn."""

    pool: Pool
    clock: Clock
    decode: Decode
    managers: Sequence[ProcessManager]
    holder: str
    lease_seconds: int = 15
    batch: int = 1000
    crashpoint: CrashPoint = harmless

    def acquire(self) -> int | None:
        """Take the lease when it is free, or its holder is dead; return its token."""
        with transaction(self.pool) as connection:
            row = connection.execute(ACQUIRE, self.lease(connection, {})).fetchone()
        return None if row is None else int(row[0])

    def renew(self, token: int) -> None:
        """Prolong the lease; raise `Overtaken` when it is another's."""
        with transaction(self.pool) as connection:
            change_one(connection, RENEW, self.lease(connection, {"token": token}))

    def release(self, token: int) -> None:
        """Give the lease up, for another relay to take it at once."""
        with transaction(self.pool) as connection:
            connection.execute(RELEASE, {"token": token, "at": self.clock(connection)})

    def lease(self, connection: Connection[Any], values: dict[str, Any]) -> dict[str, Any]:
        """Return `values` with those of a lease that begins now."""
        at = self.clock(connection)
        until = at + timedelta(seconds=self.lease_seconds)
        return {**values, "holder": self.holder, "at": at, "until": until}

    def has_work(self, token: int) -> bool:
        """Say whether the log has grown or a job is due; raise `Overtaken` when not live."""
        with self.pool.connection() as connection:
            values = {"token": token, "at": self.clock(connection)}
            row = connection.execute(PEEK, values).fetchone()
        if row is None:
            raise Overtaken
        return bool(row[0])

    def turn(self, token: int) -> bool:
        """Turn the next events into jobs; return whether there may be more. Raises `Overtaken`."""
        with transaction(self.pool) as connection:
            position, head = self.places(connection, token)
            if position == head:
                return False
            upto = boundary(connection, position + self.batch, head)
            steps = self.read(connection, position, upto)
            self.crashpoint("after_events_read")
            self.ask_all(connection, steps)
            self.crashpoint("after_jobs_inserted")
            values = {"token": token, "position": position, "upto": upto}
            change_one(connection, ADVANCE, self.lease(connection, values))
        self.crashpoint("after_relay_commit")
        return upto < head

    def places(self, connection: Connection[Any], token: int) -> tuple[int, int]:
        """Return the checkpoint and the head of the log."""
        row = connection.execute(PLACES, {"token": token}).fetchone()
        if row is None:
            raise Overtaken
        position, head = row
        assert position <= head, f"the checkpoint {position} lies past the end of the log, {head}"
        return position, head

    def read(self, connection: Connection[Any], after: int, upto: int) -> list[Step]:
        """Return the events that any process manager reacts to."""
        names = sorted(set[str]().union(*(manager.events for manager in self.managers)))
        rows = connection.execute(READ, {"after": after, "upto": upto, "names": names}).fetchall()
        return [
            Step(command_id, Recorded(position, self.decode(name, schema_version, bytes(data))))
            for position, command_id, name, schema_version, data in rows
        ]

    def ask_all(self, connection: Connection[Any], steps: list[Step]) -> None:
        """Let every process manager fold the events, and carry out what follows."""
        if not steps:
            return
        at = self.clock(connection)
        for manager in self.managers:
            for effect, cause in follow(connection, manager, steps):
                carry_out(connection, effect, cause, at)


def boundary(connection: Connection[Any], wanted: int, head: int) -> int:
    """Return the last position of the command that `wanted` lies in, at most the head."""
    if wanted >= head:
        return head
    row = connection.execute(BOUNDARY, {"wanted": wanted}).fetchone()
    return head if row is None else int(row[0])


def change_one(connection: Connection[Any], statement: bytes, values: dict[str, Any]) -> None:
    """Change the checkpoint row, unless its token is another's."""
    if connection.execute(statement, values).rowcount != 1:
        raise Overtaken


ACQUIRE = (
    b"""
UPDATE work.relay SET holder = %(holder)s, token = token + 1, lease_until = %(until)s
WHERE lease_until < %(at)s OR holder IN ("""
    + GONE
    + b""")
RETURNING token
"""
)

RENEW = b"UPDATE work.relay SET lease_until = %(until)s WHERE token = %(token)s"

RELEASE = b"UPDATE work.relay SET lease_until = %(at)s WHERE token = %(token)s"

PEEK = b"""
SELECT head.position > relay.position OR EXISTS (
    SELECT FROM work.jobs
    WHERE dispatched_at IS NULL AND scheduled_at <= %(at)s
      AND state IN ('available', 'scheduled', 'retryable')
)
FROM work.relay CROSS JOIN log.head
WHERE relay.token = %(token)s
"""

PLACES = b"""
SELECT relay.position, head.position FROM work.relay CROSS JOIN log.head WHERE token = %(token)s
"""

BOUNDARY = b"""
SELECT position - 1 FROM log.events
WHERE position > %(wanted)s
  AND command_id <> (SELECT command_id FROM log.events WHERE position = %(wanted)s)
ORDER BY position
LIMIT 1
"""

READ = b"""
SELECT position, command_id::text, name, schema_version, data FROM log.events
WHERE position > %(after)s AND position <= %(upto)s AND name = ANY(%(names)s)
ORDER BY position
"""

ADVANCE = b"""
UPDATE work.relay SET position = %(upto)s, lease_until = %(until)s
WHERE token = %(token)s AND position = %(position)s
"""
