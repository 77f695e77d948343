"""Figures: one person's standing in numbers (ledger.md §6.6)."""

from typing import Any

from projections.payments import SHAPE as PAYMENT_SHAPE
from schema.postgres import Pool


async def payment_stats(pool: Pool, user_id: str, now: str) -> bytes | None:
    """Return `financial_health` and the ten newest payments of a user; None for nobody."""
    async with pool.connection() as connection:
        cursor = await connection.execute(STATS, {"user_id": user_id, "now": now})
        row: tuple[Any, ...] | None = await cursor.fetchone()
    if row is None:
        return None
    health: bytes = row[0]
    recent: bytes = row[1]
    return b'{"financial_health":' + health + b',"recent_payments":' + recent + b"}"


HEALTH = """
SELECT u.id AS user_id, t.totals,
    CASE WHEN t.currencies = 1 THEN t.totals -> 0 ->> 'balance' END AS total_balance,
    n.total AS total_accounts, n.active AS active_accounts, n.inactive AS inactive_accounts,
    n.frozen AS frozen_accounts, n.closed AS closed_accounts,
    CASE WHEN u.status = 'SUSPENDED' THEN n.total ELSE 0 END AS suspended_accounts,
    n.active > 0 AND t.lowest >= 0 AND t.highest > 0 AS is_healthy,
    n.active > 0 AND u.status = 'ACTIVE' AS can_make_payments
FROM (
    SELECT count(*) AS total,
        count(*) FILTER (WHERE status = 'ACTIVE') AS active,
        count(*) FILTER (WHERE status = 'INACTIVE') AS inactive,
        count(*) FILTER (WHERE status = 'FROZEN') AS frozen,
        count(*) FILTER (WHERE status = 'CLOSED') AS closed
    FROM read.accounts WHERE user_id = u.id
) AS n, (
    SELECT count(*) AS currencies, coalesce(min(balance), 0) AS lowest,
        coalesce(max(balance), 0) AS highest,
        coalesce(json_agg(json_build_object(
            'currency', currency,
            'balance', read.money(balance, currency),
            'available', read.money(available, currency)
        ) ORDER BY currency), '[]') AS totals
    FROM (
        SELECT a.currency, sum(a.balance) AS balance,
            sum(a.balance::numeric - a.held + a.credit_limit + coalesce(lapsed.remaining, 0))
                AS available
        FROM read.accounts AS a
        LEFT JOIN LATERAL (
            SELECT sum(remaining) AS remaining FROM read.account_holds
            WHERE account_id = a.id AND expires_at <= %(now)s
        ) AS lapsed ON true
        WHERE a.user_id = u.id
        GROUP BY a.currency
    ) AS summed
) AS t
"""
RECENT = "\n".join((
    "SELECT coalesce(json_agg(recent.shown), '[]') FROM (",
    "SELECT (SELECT to_json(shape)",
    f"FROM (SELECT {PAYMENT_SHAPE}) AS shape) AS shown",
    "FROM read.payments WHERE user_id = u.id ORDER BY inserted_at DESC, id DESC LIMIT 10",
    ") AS recent",
))  # fmt: skip
STATS = "\n".join((
    "SELECT (SELECT to_json(health)",
    f"FROM ({HEALTH}) AS health), ({RECENT})",
    "FROM read.users AS u",
    "WHERE u.id = %(user_id)s",
)).encode()  # fmt: skip
