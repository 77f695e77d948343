"""How a payment stands: could its reader start it now, is it a duplicate, who works on it."""

import asyncio
from typing import Any

import msgspec

from api.call import Call
from api.consistency import EVENTUAL, Freshness
from api.envelope import now_text
from api.reading import Reading, actor_of
from ledger.money import parse_minor
from ledger.policies import access
from ledger.policies.duplicates import FINGERPRINT, duplicate_parts
from schema.jobs import SHAPE

POLL_SECONDS = 0.02
TRUTH = {True: b"true", False: b"false"}


class Facts(msgspec.Struct, frozen=True):
    """What is judged of a Payment."""

    id: str
    user_id: str
    amount: str
    currency: str
    direction: str
    description: str | None
    status: str
    rail: str


class Work(msgspec.Struct, frozen=True):
    """Whether another payment is the same, the newest job, and how far jobs follow the log."""

    duplicate: bool
    job: bytes | None
    position: int


async def standing_of(call: Call, payment: bytes) -> bytes:
    """Return a PaymentStanding of a Payment, both in JSON."""
    facts = msgspec.json.decode(payment, type=Facts)
    work = await settled_work(call, facts)
    return b'{"payment":%b,"can_process":%b,"is_duplicate":%b,"job":%b}' % (
        payment,
        TRUTH[can_process(call, facts)],
        TRUTH[work.duplicate and call.use(Reading).rules.detect_duplicates],
        work.job or b"null",
    )


def can_process(call: Call, facts: Facts) -> bool:
    """Say whether checks 2, 4 and 5 of ledger.md §6.3 would pass for this caller."""
    actor, owner = actor_of(call), facts.user_id
    confirmed = (
        facts.direction == "DEBIT"
        or facts.rail != "book"
        or access.may_confirm_money_in.allows(actor, owner)
    )
    return (
        facts.status == "PENDING" and confirmed and access.may_process_payment.allows(actor, owner)
    )


async def settled_work(call: Call, facts: Facts) -> Work:
    """Return the work on a payment; a job that the log has asked for is waited for, within bounds.

    When the relay is away the payment itself can still be told.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + call.use(Freshness).wait_ms / 1000
    hurried = call.headers.get(b"ledger-consistency", b"").strip().lower() == EVENTUAL
    while True:
        work = await work_on(call, facts)
        settled = work.job is not None or work.position >= (call.position or 0)
        if settled or hurried or loop.time() >= until:
            return work
        await asyncio.sleep(POLL_SECONDS)


async def work_on(call: Call, facts: Facts) -> Work:
    """Return the work on a payment as it is at this moment."""
    reading = call.use(Reading)
    asked = {
        "namespace": FINGERPRINT,
        "key": fingerprint(reading, facts),
        "id": facts.id,
        "now": now_text(),
    }
    async with reading.pool.connection() as connection:
        row: Any = await (await connection.execute(WORK, asked)).fetchone()
    return Work(*row)


def fingerprint(reading: Reading, facts: Facts) -> str:
    """Return the key of the claim by which two payments are the same (ledger.md §6.5)."""
    amount = parse_minor(facts.amount, facts.currency)
    return reading.digest(
        *duplicate_parts(facts.user_id, amount, facts.currency, facts.description, facts.direction)
    )


WORK = f"""
SELECT EXISTS (
    SELECT FROM log.claims
    WHERE namespace = %(namespace)s AND key = %(key)s AND holder <> %(id)s
        AND (expires_at IS NULL OR expires_at > %(now)s)
), (
    SELECT to_json(shape) FROM (
        SELECT {SHAPE}
        FROM work.jobs AS j WHERE subject_id = %(id)s
        ORDER BY j.inserted_at DESC, id DESC LIMIT 1
    ) AS shape
), position
FROM work.relay
""".encode()  # noqa: S608  # constants
