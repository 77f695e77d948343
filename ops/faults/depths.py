"""What must hold to the last row, looked at once a house has healed: it takes longer."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from psycopg import Connection

from ops.audits.reading import audited
from ops.output import Bar
from ops.proving.database import Wanted, verified
from ops.readmodels import keks_of
from ops.sealing import signer
from ops.settings import Settings
from projections.catalogue import ALL
from projections.projector import Poisoned
from projections.rebuild import Differs, verify
from schema.postgres import connect

QUIET = Bar(None, None)


def deep_faults(
    settings: Settings, dsn: str, logs: Sequence[Path], canaries: Sequence[str]
) -> Iterator[str]:
    """Yield what does not hold of the log, the read models, and what was kept in confidence."""
    own = signer(settings)
    report = verified(dsn, Wanted(trusted={own.key_id: own.public_key}), QUIET)
    yield from (f"I7 {each.line()}" for each in report.broken)
    yield from (f"I8 {each.line()}" for each in audited(dsn, None, report.last, QUIET).found)
    with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
        yield from told_canaries(connection, logs, canaries)
    for projector in ALL:
        try:
            verify(dsn, projector, keks_of(settings))
        except (Differs, Poisoned) as wrong:
            yield f"I6 {projector.name}: {wrong}"


def told_canaries(
    connection: Connection[Any], logs: Sequence[Path], canaries: Sequence[str]
) -> Iterator[str]:
    """Tell where something that was sent in confidence is found again (I13)."""
    for number, canary in enumerate(canaries):
        for log in logs:
            if canary in log.read_text(errors="replace"):
                yield f"I13 {log.name} tells canary {number}"
        for table, query in KEPT.items():
            row = connection.execute(query, (canary,)).fetchone()
            if row is not None:
                yield f"I13 {table} keeps canary {number}"


KEPT: dict[str, bytes] = {
    "work.jobs": b"SELECT FROM work.jobs WHERE strpos(jobs::text, %s) > 0 LIMIT 1",
    "work.dead_letters": b"""
        SELECT FROM work.dead_letters WHERE strpos(dead_letters::text, %s) > 0 LIMIT 1
    """,
    "work.processes": b"SELECT FROM work.processes WHERE strpos(processes::text, %s) > 0 LIMIT 1",
}
