"""Mutants: the product with one promise broken on purpose, so that a drill proves it can fail."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from projections import leases, runner
from projections.leases import Lease, Leases
from schema import append, store
from schema.arrays import register
from workers import claims

DELAY_SECONDS = 0.3
LATE: set[asyncio.Task[None]] = set()
"""Keeps what is done too late from being collected before it is done."""


def later(work: Any) -> None:
    """Do something in the background, as careless code would."""
    task = asyncio.get_running_loop().create_task(work)
    LATE.add(task)
    task.add_done_callback(LATE.discard)


def answer_before_commit() -> None:
    """Answer first and commit a moment later: what dies in between was acknowledged and is lost."""
    commit = store.LogStore.commit

    async def careless(self: store.LogStore, staged: Any) -> None:
        async def write() -> None:
            await asyncio.sleep(DELAY_SECONDS)
            await commit(self, staged)

        later(write())

    store.LogStore.commit = careless  # type: ignore[method-assign]  # the mutation


def key_outside_the_transaction() -> None:
    """Write the row of an idempotency key after the events: dying in between forgets the key."""
    written = append.WRITES.index("INSERT INTO log.commands")
    selected = append.WRITES.index("SELECT u.* FROM h", written)
    without = append.WRITES[:written] + append.WRITES[selected:]
    for name in ("APPEND", "APPEND_ALL", "APPEND_AND_REMOVE"):
        setattr(append, name, getattr(append, name).replace(append.WRITES, without))
    write = store.write

    async def careless(connection: Any, staged: Any) -> None:
        await write(connection, staged)
        parameters = staged.commands.parameters()

        async def keep_keys() -> None:
            await asyncio.sleep(DELAY_SECONDS)
            async with await connection.connect(connection.info.dsn, autocommit=True) as other:
                register(other.adapters)
                await other.execute("SET ROLE ledgerbank_app")
                await other.execute(KEYS, parameters)

        later(keep_keys())

    store.write = careless


def checkpoint_before_rows() -> None:
    """Move the checkpoint of a read model first and write its rows a moment later."""

    def careless(
        self: runner.Runner, held: Leases, group: Sequence[runner.Follower], end: int
    ) -> None:
        with held.connection.transaction():
            held.advance(self.held(group), end)
        time.sleep(DELAY_SECONDS)
        with held.connection.transaction():
            for follower in group:
                follower.fold.rows.write(held.connection)
        for follower in group:
            follower.fold.rows.wrote(runner.ROWS_MAX)
            assert follower.lease is not None, "only a holder advances"
            follower.lease = Lease(follower.projector.name, end, follower.lease.token)

    setattr(runner.Runner, "commit", careless)  # noqa: B010  # the mutation


def no_fencing() -> None:
    """Let whoever stood still through the end of a lease go on as if it were still held."""
    for name in ("COMPLETE", "TRY_AGAIN", "DISCARD", "HAND_BACK"):
        statement: bytes = getattr(claims, name)
        setattr(claims, name, statement.replace(b" AND lease_token = %(token)s", b""))
    fence = " AND c.token = ours.token"
    advance = leases.ADVANCE.replace(" AND c.position = %s", " AND c.position >= -%s")
    setattr(leases, "ADVANCE", advance.replace(fence, ""))  # noqa: B010  # the mutation
    setattr(leases, "RENEW", leases.RENEW.replace(fence, ""))  # noqa: B010  # the mutation


MUTANTS: Mapping[str, Callable[[], None]] = {
    "no-fencing": no_fencing,
    "answer-before-commit": answer_before_commit,
    "key-outside-the-transaction": key_outside_the_transaction,
    "checkpoint-before-rows": checkpoint_before_rows,
}
KEYS = """
INSERT INTO log.commands (
    scope, key, command_id, request_hash, first_position, last_position, answer, answer_key,
    recorded_at
)
SELECT * FROM unnest(
    %b::text[], %b::text[], %b::uuid[], %b::bytea[], %b::bigint[], %b::bigint[], %b::bytea[],
    %b::text[], %b::text[]
)
ON CONFLICT DO NOTHING
"""
