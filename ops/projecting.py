"""Read models as operators see them: where they stand, and making several of them at once."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Context
from ledger.events.audit import Fact, ProjectionRebuilt
from ledger.events.recorded import OPERATOR
from ledger.identity import new_id
from ops.composition import open_books
from ops.settings import Settings
from projections.catalogue import BY_NAME
from projections.copying import Progress
from projections.rebuild import Plan, Report, rebuild
from schema.seals import KeyEncryptionKeys

Bars: TypeAlias = Callable[[str], Progress]


class Work(msgspec.Struct, frozen=True):
    """What a process that makes read models is given."""

    dsn: str
    keys: dict[str, bytes]
    plan: Plan


def every(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Return where every read model stands."""
    return connection.cursor(row_factory=dict_row).execute(LIST).fetchall()


def make(
    settings: Settings, dsn: str, names: Sequence[str], plan: Plan, bars: Bars
) -> Iterator[Report]:
    """Make read models one after the other."""
    keks = KeyEncryptionKeys(settings.identity.data_key_encryption_keys)
    for name in names:
        yield rebuild(dsn, BY_NAME[name], keks, progress=bars(name), plan=plan)


def make_beside(
    settings: Settings, dsn: str, names: Sequence[str], plan: Plan, processes: int
) -> Iterator[Report]:
    """Make read models in several processes, told as they are done; the first failure is raised."""
    work = Work(dsn, dict(settings.identity.data_key_encryption_keys), plan)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        made: list[Future[Report]] = [pool.submit(make_one, work, name) for name in names]
        try:
            for each in as_completed(made):
                yield each.result()
        finally:
            pool.shutdown(cancel_futures=True)


def make_one(work: Work, name: str) -> Report:
    """Make one read model, in a process of its own."""
    return rebuild(work.dsn, BY_NAME[name], KeyEncryptionKeys(work.keys), plan=work.plan)


def tell_rebuilt(settings: Settings, dsn: str, made: Sequence[str], *, repair: bool) -> None:
    """Tell the audit log which read models were made again."""
    details: dict[str, Fact] = {"projections": tuple(made), "repair": repair}
    event = ProjectionRebuilt(outcome="success", details=details)
    asyncio.run(record(settings, dsn, RecordSecurityEvent(event=event)))


async def record(settings: Settings, dsn: str, command: RecordSecurityEvent) -> None:
    """Record what an operator has done."""
    async with open_books(settings, dsn) as books:
        await books.ledger.handle(command, Context(actor=OPERATOR, correlation_id=new_id()))


LIST = """
SELECT c.projection AS name, c.position, head.position AS head,
    head.position - c.position AS lag,
    CASE WHEN c.paused_at IS NOT NULL AND c.status = 'running' THEN 'paused' ELSE c.status END
        AS status,
    c.last_error, c.holder, c.kept_position, c.verified_position, c.drift_rows,
    r.position AS copy_position
FROM log.head, read.checkpoints AS c
LEFT JOIN read.rebuilds AS r ON r.projection = c.projection
ORDER BY c.projection
"""
