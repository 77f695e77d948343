"""After a restore: what must be done before anybody is let in again.

Old position tokens are refused, nobody's session goes on, the erased are erased, and what came back
is compared with what was signed and with what the log leads to.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from threading import Thread
from time import monotonic, sleep
from typing import Any

import msgspec
from psycopg import Connection

from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Context
from ledger.commands.user import InvalidateSessions
from ledger.errors import Reason, Refused
from ledger.events.audit import AdminActionPerformed, Fact
from ledger.events.recorded import OPERATOR, SYSTEM
from ledger.identity import new_id
from ops.composition import Books, open_books
from ops.erasures import Erasure, applied
from ops.output import Bar
from ops.proving import database
from ops.proving.database import Wanted
from ops.proving.report import Report
from ops.readmodels import keks_of, runner
from ops.sealing import seal_now, signer
from ops.settings import Settings
from projections.catalogue import ALL
from projections.projector import Poisoned
from projections.rebuild import Differs, verify
from schema.postgres import connect

EPOCH_BYTES = 8
CATCH_UP_SECONDS = 3_600.0
POLL_SECONDS = 0.05
CAUSE = "restored"


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and what was found."""

    epoch: str
    keys_destroyed: int
    users_deleted: int
    sessions_ended: int
    proof: Report
    drifted: dict[str, str]

    @property
    def sound(self) -> bool:
        """Say whether everything is as it should be."""
        return not (self.proof.broken or self.drifted)


def recover(settings: Settings, dsn: str, known: Sequence[Erasure], bar: Bar) -> Recovered:
    """Make a restored deployment fit to be opened again; nothing of it may be running."""
    own = signer(settings)
    wanted = Wanted(trusted={own.key_id: own.public_key})
    proof = database.verified(dsn, wanted, bar)
    with connect(dsn, "ledgerbank_app") as connection:
        epoch = renew_epoch(connection)
    destroyed, deleted = applied(settings, dsn, list(known))
    done: dict[str, Fact] = {"keys_destroyed": len(destroyed), "users_deleted": len(deleted)}
    ended = asyncio.run(end_sessions(settings, dsn, done))
    catch_up(settings, dsn)
    drifted = drifts(settings, dsn)
    if not proof.broken:
        seal_now(settings, dsn)
    return Recovered(
        epoch=epoch,
        keys_destroyed=len(destroyed),
        users_deleted=len(deleted),
        sessions_ended=ended,
        proof=proof,
        drifted=drifted,
    )


def renew_epoch(connection: Connection[Any]) -> str:
    """Give the store another identity: positions told before mean nothing any more."""
    epoch = secrets.token_hex(EPOCH_BYTES)
    connection.execute(RENEW, (epoch,))
    return epoch


async def end_sessions(settings: Settings, dsn: str, done: dict[str, Fact]) -> int:
    """End everybody's sessions, and tell the audit log; return how many people had some."""
    async with open_books(settings, dsn) as books:
        async with books.pool.connection() as connection:
            rows = await (await connection.execute(SIGNED_IN)).fetchall()
        for (user_id,) in rows:
            await end_sessions_of(books, user_id)
        details = {"command": "Recover", "users_signed_out": len(rows), **done}
        event = AdminActionPerformed(outcome="success", details=details)
        context = Context(actor=OPERATOR, correlation_id=new_id())
        await books.ledger.handle(RecordSecurityEvent(event=event), context)
    return len(rows)


async def end_sessions_of(books: Books, user_id: str) -> None:
    """End the sessions of one person, unless they are gone."""
    context = Context(actor=SYSTEM, correlation_id=new_id())
    try:
        await books.ledger.handle(InvalidateSessions(user_id=user_id, cause=CAUSE), context)
    except Refused as refused:
        if refused.reason is not Reason.USER_NOT_FOUND:
            raise


def catch_up(settings: Settings, dsn: str) -> None:
    """Bring all read models to the end of the log."""
    running = runner(settings, dsn)
    thread = Thread(target=running.run, name="catching up")
    thread.start()
    try:
        wait_until(lambda: in_step(dsn))
    finally:
        running.stop()
        thread.join()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, as long as it may take to read a whole log."""
    deadline = monotonic() + CATCH_UP_SECONDS
    while not condition():
        if monotonic() > deadline:
            raise Refused(Reason.PROJECTION_LAGGING)
        sleep(POLL_SECONDS)


def in_step(dsn: str) -> bool:
    """Say whether every read model that can has come as far as the log."""
    with connect(dsn, "ledgerbank_app") as connection:
        rows = connection.execute(IN_STEP, ([each.name for each in ALL],)).fetchall()
    return bool(rows[0][0])


def drifts(settings: Settings, dsn: str) -> dict[str, str]:
    """Compare every read model with the log; return what is wrong, by name."""
    found = {}
    for projector in ALL:
        try:
            verify(dsn, projector, keks_of(settings))
        except (Differs, Poisoned) as wrong:
            found[projector.name] = str(wrong)
    return found


RENEW = "UPDATE log.head SET epoch = %s"
SIGNED_IN = b"SELECT DISTINCT user_id::text FROM log.session_state WHERE alive ORDER BY 1"
IN_STEP = """
SELECT count(*) FILTER (
    WHERE c.position IS NULL OR (c.position < head.position AND c.status <> 'failed')
) = 0
FROM log.head CROSS JOIN unnest(%s::text[]) AS wanted (name)
LEFT JOIN read.checkpoints AS c ON c.projection = wanted.name
"""
