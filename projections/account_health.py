"""The health of an account: how much of its limits it has used today (ledger.md §6.6)."""

from projections.accounts import DAILY, SINGLE, View
from projections.items import Item, fetch_item, item_query
from schema.postgres import Pool

DAY_CHARACTERS = 10


async def health(pool: Pool, account_id: str, view: View) -> Item | None:
    """Return how an account stands on the day of `view`, and its owner."""
    day = view.now[:DAY_CHARACTERS]
    return await fetch_item(pool, HEALTH, {"id": account_id, "day": day, **view.values})


SHAPE = f"""
id AS account_id, holds_now::text AS balance, status, daily::text AS daily_limit,
used::text AS daily_spent, rest::text AS daily_remaining,
CASE WHEN daily > 0 THEN round(used * 100 / daily, 2) ELSE 0 END AS daily_utilization_percent,
single::text AS single_limit,
status = 'ACTIVE' AND balance > 0 AS is_healthy,
status = 'ACTIVE' AND rest > 0 AS can_make_payments
FROM (
    SELECT read.amount(balance, currency) AS holds_now, {DAILY} AS daily, {SINGLE} AS single,
        read.amount(CASE WHEN spent_day = %(day)s THEN spent ELSE 0 END, currency) AS used
) AS limits, LATERAL (SELECT greatest(daily - used, 0 * used) AS rest) AS left_today
"""
HEALTH = item_query("read.accounts", SHAPE, "version", "ARRAY[user_id::text]")
