"""Jobs and dead letters as lists, read where the workers keep them: no events are folded here."""

from ledger.errors import Reason
from projections.filters import dates, enum, text
from projections.items import Item, fetch_item, item_query
from projections.page import Listing, Sort, Wanted
from projections.selects import Page, fetch_page
from schema.jobs import LETTER_SHAPE, SHAPE
from schema.postgres import Pool

STATES = (
    "available", "scheduled", "executing", "retryable", "completed", "cancelled", "discarded",
)  # fmt: skip


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return jobs, finished ones too as long as they are kept."""
    return await fetch_page(pool, JOBS, wanted, None)


async def dead_page(pool: Pool, wanted: Wanted) -> Page:
    """Return dead letters."""
    return await fetch_page(pool, DEAD_LETTERS, wanted, None)


async def one(pool: Pool, job_id: str) -> Item | None:
    """Return one Job, and who owns the record it is about."""
    return await fetch_item(pool, ONE, {"id": job_id})


JOBS = Listing(
    name="jobs",
    table="work.jobs",
    shape=SHAPE,
    filters=(
        enum("state", *STATES, reason=Reason.INVALID_STATUS),
        text("queue", "queue = %(queue)s"),
        text("actor", "actor = %(actor)s"),
        text("subject_id", "subject_id = lower(%(subject_id)s)"),
        *dates("inserted_at"),
    ),
    sorts={
        "inserted_at": Sort("inserted_at", "timestamptz"),
        "scheduled_at": Sort("scheduled_at", "timestamptz"),
        "priority": Sort("priority", "smallint"),
        "state": Sort("state"),
    },
)
DEAD_LETTERS = Listing(
    name="dead_letters",
    table="work.dead_letters",
    shape=LETTER_SHAPE,
    filters=(
        text("queue", "queue = %(queue)s"),
        text("actor", "actor = %(actor)s"),
        enum("status", "OPEN", "RETRIED", reason=Reason.INVALID_STATUS),
        *dates("died_at"),
    ),
    sorts={
        "died_at": Sort("died_at", "timestamptz"),
        "inserted_at": Sort("died_at", "timestamptz"),
    },
    usual="died_at:desc",
)
OWNERS = """
CASE subject_type
    WHEN 'user' THEN ARRAY[subject_id]
    WHEN 'payment' THEN
        ARRAY(SELECT user_id::text FROM read.payments AS p WHERE p.id = t.subject_id::uuid)
    WHEN 'connection' THEN
        ARRAY(SELECT user_id::text FROM read.connections AS c WHERE c.id = t.subject_id::uuid)
    ELSE ARRAY[]::text[]
END
"""
ONE = item_query("work.jobs", SHAPE, "NULL", OWNERS)
