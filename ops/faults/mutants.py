"""Mutants: the product with one promise broken on purpose, so that a drill proves it can fail."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from projections import leases
from schema import append, store

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
                await other.execute("SET ROLE ledgerbank_app")
                await other.execute(KEYS, parameters)

        later(keep_keys())

    store.write = careless


def no_fencing() -> None:
    """Let whoever once had a lease go on writing, however long it slept."""
    for name in ("RENEW", "ADVANCE"):
        statement = getattr(leases, name)
        for check in (" AND c.token = ours.token", " AND c.position = %s"):
            statement = statement.replace(check, " AND %s::bigint IS NOT NULL" * ("%s" in check))
        setattr(leases, name, statement)


MUTANTS: Mapping[str, Callable[[], None]] = {
    "answer-before-commit": answer_before_commit,
    "key-outside-the-transaction": key_outside_the_transaction,
    "no-fencing": no_fencing,
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
