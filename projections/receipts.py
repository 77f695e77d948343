"""Receipts: one transaction with everything that proves it without us (proof.md P-6).

What is proven are the event that moved the balance and the one that opened the account: both are
the owner's alone, while the posting between them names other people's accounts.
"""

from typing import Any

import msgspec

from ledger.errors import Reason, Refused
from projections.items import Item
from projections.proofs import event_at, inclusion_path, signed_head
from projections.tree_heads import shown
from schema.postgres import Pool
from schema.signatures import TreeHead

FORMAT = "ledgerbank-receipt-v1"


class Booked(msgspec.Struct, frozen=True):
    """A transaction, as a receipt has to find it."""

    item: Item
    account_id: str
    position: int


async def booked(pool: Pool, transaction_id: str) -> Booked | None:
    """Return a transaction; None when there is none."""
    async with pool.connection() as connection:
        row = await (await connection.execute(ONE, (transaction_id,))).fetchone()
    if row is None:
        return None
    shape, owner, account_id, position = row
    return Booked(Item(shape, None, frozenset({owner})), account_id, position)


async def receipt(pool: Pool, transaction_id: str, of: Booked) -> bytes:
    """Return the receipt of a transaction as JSON; refused as long as it is not sealed.

    Refused: `checkpoint_not_found`.
    """
    async with pool.connection() as connection:
        asked = {
            "entry_id": transaction_id,
            "stream": f"account-{of.account_id}",
            "position": of.position,
        }
        rows = await (await connection.execute(EVENTS, asked)).fetchall()
    places = {name: position for name, position in rows if position is not None}
    if len(places) < len(rows):
        raise Refused(Reason.CHECKPOINT_NOT_FOUND, position=of.position)
    head = await signed_head(pool, None)
    proven = {name: await proof(pool, position, head) for name, position in places.items()}
    told = {
        "format": FORMAT,
        "transaction": msgspec.Raw(of.item.data),
        **proven,
        "checkpoint": shown(head),
    }
    return msgspec.json.encode(told)


async def proof(pool: Pool, position: int, head: TreeHead) -> dict[str, Any]:
    """Return an event as it is stored, with its way to the root of a signed tree."""
    path = await inclusion_path(pool, position, head)
    async with pool.connection() as connection:
        found = await event_at(connection, position)
    return {
        "position": position,
        "leaf_index": position - 1,
        "leaf_hash": found.leaf_hash.hex(),
        "audit_path": [each.hex() for each in path],
        "event": found.event.decode(),
    }


ONE = b"""
SELECT (SELECT to_json(shape) FROM (SELECT
    id, account_id, posting_id, direction, read.money(amount, currency) AS amount, currency,
    read.money(balance_after, currency) AS balance_after, booked_at AS posted_at
) AS shape), user_id::text, account_id::text, position
FROM read.transactions
WHERE id = %s
"""
EVENTS = b"""
SELECT 'entry', (
    SELECT entry.position FROM log.events AS booked
    JOIN log.events AS entry ON entry.command_id = booked.command_id
        AND entry.position > booked.position - 16 AND entry.position < booked.position + 10000
    WHERE booked.position = %(position)s AND entry.stream_id = %(stream)s
        AND entry.name IN ('AccountCredited', 'AccountDebited')
        AND position(convert_to(%(entry_id)s, 'UTF8') IN entry.data) > 0
    ORDER BY entry.position
    LIMIT 1
)
UNION ALL
SELECT 'opening', (
    SELECT position FROM log.events
    WHERE stream_id = %(stream)s AND version = 1 AND name = 'AccountOpened'
)
"""
