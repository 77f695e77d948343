"""Leases: one runner per projection moves its checkpoint, as long as its token is the newest."""

from collections.abc import Collection, Sequence

import msgspec
from psycopg import Connection

CHANNEL = "ledger_checkpoint"
"""Tells `<projection>:<position>` after every batch, and `<projection>:failed`."""


class LeaseLost(Exception):
    """Somebody else moves this checkpoint now; nothing was written."""


class Lease(msgspec.Struct, frozen=True):
    """The right to move one checkpoint on from `position`; `token` fences out earlier holders."""

    projection: str
    position: int
    token: int


class Leases:
    """Takes, keeps and gives back the leases of one holder, whose name nobody else bears."""

    def __init__(self, connection: Connection, holder: str, seconds: float) -> None:
        self.connection, self.holder, self.seconds = connection, holder, seconds

    def acquire(self, projections: Collection[str]) -> dict[str, Lease]:
        """Take the leases that are free; projections that have failed are left alone."""
        names = sorted(projections)
        self.connection.execute(ENSURE, (names,))
        values = (self.holder, self.seconds, names, self.holder)
        rows = self.connection.execute(ACQUIRE, values).fetchall()
        return {name: Lease(name, position, token) for name, position, token in rows}

    def take_over(self, projection: str) -> Lease:
        """Take a lease from whoever holds it; its batch in flight can no longer commit."""
        row = self.connection.execute(TAKE_OVER, (self.holder, self.seconds, projection)).fetchone()
        assert row is not None, f"{projection} has a checkpoint"
        return Lease(*row)

    def renew(self, leases: Collection[Lease]) -> set[str]:
        """Prolong leases; return the projections that are still ours."""
        names, tokens = listed(leases)
        rows = self.connection.execute(RENEW, (self.seconds, names, tokens)).fetchall()
        return {name for (name,) in rows}

    def release(self, leases: Collection[Lease]) -> None:
        """Give leases back, so that the next runner need not wait."""
        self.connection.execute(RELEASE, listed(leases))

    def advance(self, leases: Collection[Lease], position: int) -> None:
        """Move checkpoints on from where they are, in the caller's database transaction.

        Raises `LeaseLost`, and then nothing may be committed.
        """
        names, tokens = listed(leases)
        old = next(iter(leases)).position
        values = (position, self.seconds, names, tokens, old, CHANNEL)
        row = self.connection.execute(ADVANCE, values).fetchone()
        if row is None or row[0] != len(leases):
            raise LeaseLost(", ".join(names))

    def fail(self, lease: Lease, error: str) -> None:
        """Stop a projection where it is, for an operator to look at."""
        self.connection.execute(FAIL, (error, lease.projection, lease.token, CHANNEL))


def listed(leases: Collection[Lease]) -> tuple[Sequence[str], Sequence[int]]:
    """Return names and tokens as two lists."""
    ordered = sorted(leases, key=lambda lease: lease.projection)
    return [lease.projection for lease in ordered], [lease.token for lease in ordered]


def resume(connection: Connection, projection: str) -> bool:
    """Let a projection that has failed or was paused go on; False when it did already."""
    return connection.execute(RESUME, (projection,)).rowcount == 1


def pause(connection: Connection, projection: str) -> bool:
    """Stop a projection after its batch in flight until it is resumed; False when it was paused."""
    return connection.execute(PAUSE, (projection,)).rowcount == 1


ENSURE = """
INSERT INTO read.checkpoints (projection) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING
"""
ACQUIRE = """
UPDATE read.checkpoints
SET holder = %s, backend = pg_backend_pid(), token = token + 1,
    lease_until = now() + %s * interval '1 second'
WHERE projection = ANY(%s) AND status <> 'failed' AND paused_at IS NULL AND (
    holder IS NULL OR holder = %s OR lease_until < now()
    OR backend NOT IN (SELECT pid FROM pg_stat_activity WHERE pid IS NOT NULL)
)
RETURNING projection, position, token
"""
TAKE_OVER = """
UPDATE read.checkpoints
SET holder = %s, backend = pg_backend_pid(), token = token + 1,
    lease_until = now() + %s * interval '1 second'
WHERE projection = %s
RETURNING projection, position, token
"""
RENEW = """
UPDATE read.checkpoints AS c
SET lease_until = now() + %s * interval '1 second', updated_at = now()
FROM unnest(%s::text[], %s::bigint[]) AS ours (projection, token)
WHERE c.projection = ours.projection AND c.token = ours.token AND c.status <> 'failed'
    AND c.paused_at IS NULL
RETURNING c.projection
"""
RELEASE = """
UPDATE read.checkpoints AS c
SET holder = NULL
FROM unnest(%s::text[], %s::bigint[]) AS ours (projection, token)
WHERE c.projection = ours.projection AND c.token = ours.token
"""
ADVANCE = """
WITH moved AS (
    UPDATE read.checkpoints AS c
    SET position = %s, lease_until = now() + %s * interval '1 second', updated_at = now()
    FROM unnest(%s::text[], %s::bigint[]) AS ours (projection, token)
    WHERE c.projection = ours.projection AND c.token = ours.token AND c.position = %s
        AND c.status <> 'failed' AND c.paused_at IS NULL
    RETURNING c.projection, c.position
)
SELECT count(pg_notify(%s, projection || ':' || position)) FROM moved
"""
FAIL = """
WITH failed AS (
    UPDATE read.checkpoints
    SET status = 'failed', last_error = %s, holder = NULL, updated_at = now()
    WHERE projection = %s AND token = %s
    RETURNING projection
)
SELECT count(pg_notify(%s, projection || ':failed')) FROM failed
"""
RESUME = """
UPDATE read.checkpoints
SET status = CASE WHEN status = 'failed' THEN 'running' ELSE status END, last_error = NULL,
    holder = NULL, paused_at = NULL, updated_at = now()
WHERE projection = %s AND (status = 'failed' OR paused_at IS NOT NULL)
"""
PAUSE = """
UPDATE read.checkpoints SET paused_at = now(), holder = NULL, updated_at = now()
WHERE projection = %s AND paused_at IS NULL
"""
