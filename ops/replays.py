"""Counting how often the answer to a key was given again (proof.md P-10)."""

import structlog
from psycopg import Error
from psycopg_pool import PoolTimeout, TooManyRequests

from api.asking import Handle
from ledger.commands.asked import Asked, Outcome
from ledger.commands.command import Command, Context
from schema.postgres import Pool


def counting(handle: Handle, pool: Pool) -> Handle:
    """Return `handle` that also counts replays; the first answer to a key costs nothing more."""

    async def handled(command: Command, context: Context, asked: Asked) -> Outcome:
        outcome = await handle(command, context, asked)
        if outcome.replayed and asked.idempotency is not None:
            key = asked.idempotency
            try:
                async with pool.connection() as connection:
                    await connection.execute(COUNTED, (key.scope, key.key))
            except (Error, PoolTimeout, TooManyRequests) as failure:
                structlog.get_logger().warning("replay.not_counted", error=str(failure))
        return outcome

    return handled


COUNTED = b"""
UPDATE log.commands SET replays = replays + 1, replayed_at = clock_timestamp()
WHERE scope = %s AND key = %s
"""
