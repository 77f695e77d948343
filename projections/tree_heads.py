"""Tree heads: what was signed about the log, and with which keys (events_audit.md §5)."""

from base64 import b64encode
from typing import Any

from psycopg.rows import class_row

from projections.page import Listing, Sort, Wanted
from projections.selects import Page, fetch_page
from schema.postgres import Pool
from schema.signatures import ALGORITHM, TreeHead


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return Checkpoints."""
    return await fetch_page(pool, LISTING, wanted, None)


async def public_keys(pool: Pool) -> list[dict[str, str]]:
    """Return the public halves of all keys that signed: 32 bytes each, in base64."""
    async with pool.connection() as connection:
        rows = await (await connection.execute(PUBLIC_KEYS)).fetchall()
    return [
        {"key_id": name, "algorithm": ALGORITHM, "public_key": b64encode(key).decode()}
        for name, key in rows
    ]


async def one(pool: Pool, tree_size: int | None) -> TreeHead | None:
    """Return the tree head of a size, or the newest one."""
    async with pool.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(TreeHead))
        return await (await cursor.execute(ONE, {"tree_size": tree_size})).fetchone()


def shown(head: TreeHead) -> dict[str, Any]:
    """Return a tree head in the shape of a Checkpoint."""
    return {
        "tree_size": head.tree_size,
        "root_hash": head.root_hash.hex(),
        "sealed_at": head.sealed_at,
        "key_id": head.key_id,
        "algorithm": ALGORITHM,
        "signature": b64encode(head.signature).decode(),
    }


LISTING = Listing(
    name="checkpoints",
    table="log.checkpoints",
    shape=f"""
tree_size, encode(root_hash, 'hex') AS root_hash, sealed_at, key_id, '{ALGORITHM}' AS algorithm,
translate(encode(signature, 'base64'), E'\\n', '') AS signature
""",
    sorts={
        "tree_size": Sort("tree_size", "bigint"),
        "sealed_at": Sort("sealed_at"),
        "inserted_at": Sort("sealed_at"),
    },
    usual="tree_size:desc",
)
PUBLIC_KEYS = b"SELECT key_id, public_key FROM log.audit_keys ORDER BY key_id"
ONE = b"""
SELECT tree_size, root_hash, sealed_at, key_id, signature FROM log.checkpoints
WHERE %(tree_size)s::bigint IS NULL OR tree_size = %(tree_size)s
ORDER BY tree_size DESC
LIMIT 1
"""
