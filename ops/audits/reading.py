"""Reading the log for an audit: in order, command by command, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection

from ledger.events.event import Sealed
from ledger.policies.limits import Rules
from ops.audits.audit import Audit, Fact
from ops.audits.findings import Finding
from ops.audits.shapes import READERS, Booked, Created, Edited, read
from ops.output import Bar
from projections.copying import uncollected
from projections.log import Hole, Undecodable
from schema.postgres import connect
from schema.seals import (
    ERASED,
    SELECT_BY_KID,
    DataKey,
    KeyEncryptionKeys,
    WrappedKey,
    reveal,
    unwrap_all,
)

PAGE_EVENTS = 10_000
REMEMBERED_MAX = 50_000
Row: TypeAlias = tuple[Any, ...]


class Terms(msgspec.Struct, frozen=True):
    """What the log does not tell: the rules of the whole time, and keys to what people wrote."""

    rules: Rules
    keks: KeyEncryptionKeys


def audited(dsn: str, terms: Terms | None, until: int, bar: Bar) -> Audit:
    """Fold the log up to position `until`, the end of a command, or as far as it can be read."""
    rules = None if terms is None else terms.rules
    with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as asking:
        texts = Texts(asking, None if terms is None else terms.keks)
        audit = Audit(rules, lambda posting_id: booked(asking, posting_id), texts.reveal)
        try:
            with uncollected():
                fold(audit, texts, pages(dsn, until), lambda done: bar.at(done, until))
        except Hole as hole:
            audit.give_up(Finding("I-13", hole.position + 1, str(hole)))
        except Undecodable as event:
            audit.give_up(Finding("I-18", event.position, str(event)))
    return audit


def fold(
    audit: Audit, texts: "Texts", rows: Iterator[list[Row]], told: Callable[[int], None]
) -> None:
    """Fold pages of the log; a command ends where the next one begins."""
    command: Any = None
    for page in rows:
        facts = [(row[0], fact(row[1:])) for row in page]
        texts.learn(each.says for _, each in facts)
        for command_id, each in facts:
            if command_id != command and command is not None:
                audit.end_command()
            command = command_id
            audit.take(each)
        told(audit.position)
    audit.end_command()
    audit.end()


def fact(row: Row) -> Fact:
    """Return what a row says; raises `Undecodable`."""
    position, stream_id, version, recorded_at, follows, name, schema_version, data = row
    if name not in READERS:
        raise Undecodable(position, LookupError(f"nobody knows a {name}"))
    try:
        says = read(name, schema_version, data)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
        raise Undecodable(position, error) from error
    return Fact(position, stream_id, version, recorded_at, follows, says)


def pages(dsn: str, until: int) -> Iterator[list[Row]]:
    """Yield the log page by page; the next one is read while the last one is looked at."""
    with (
        connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection,
        ThreadPoolExecutor(1) as reader,
    ):
        reached, coming = 0, reader.submit(page_behind, connection, 0, until)
        while page := coming.result():
            refuse_hole(page, reached)
            reached = page[-1][1]
            coming = reader.submit(page_behind, connection, reached, until)
            yield page
        if reached < until:
            raise Hole(reached)


def refuse_hole(page: list[Row], reached: int) -> None:
    """Raise `Hole` when a position is missing."""
    if page[-1][1] - reached != len(page):
        wanted = enumerate(page, reached + 1)
        raise Hole(next(position for position, row in wanted if row[1] != position) - 1)


def page_behind(connection: Connection, after: int, until: int) -> list[Row]:
    """Read some rows, binary: the fastest way out of the database."""
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(PAGE, (after, until, PAGE_EVENTS)).fetchall()


def booked(connection: Connection, posting_id: str) -> Booked | None:
    """Return a posting that was booked earlier."""
    row = connection.execute(POSTING, (f"posting-{posting_id}",)).fetchone()
    return None if row is None else read(*row)


class Texts:
    """What people wrote, for as long as their keys are there."""

    def __init__(self, connection: Connection, keks: KeyEncryptionKeys | None) -> None:
        self.connection, self.keks = connection, keks
        self.keys: dict[str, DataKey] = {}

    def learn(self, events: Iterable[Any]) -> None:
        """Fetch the keys to what a page says, all at once."""
        kids = {
            each.description.kid
            for each in events
            if isinstance(each, Created | Edited) and each.description is not None
        }
        if len(self.keys) > REMEMBERED_MAX:
            self.keys.clear()
        self.fetch(kids - self.keys.keys())

    def fetch(self, kids: set[str]) -> None:
        """Fetch keys; one that is missing has been destroyed."""
        if kids and self.keks is not None:
            rows = self.connection.execute(SELECT_BY_KID.encode(), (list(kids),))
            self.keys |= unwrap_all((WrappedKey(*row) for row in rows), self.keks)

    def reveal(self, sealed: Sealed) -> str | None:
        """Return a text, or None when nobody can read it any more."""
        if sealed.kid not in self.keys:
            self.fetch({sealed.kid})
        text = reveal(sealed, self.keys)
        return None if text == ERASED else text


def command_end(connection: Connection, at: str | int) -> int:
    """Return where the last command ends at or before a position or a time."""
    if isinstance(at, str):
        reached = connection.execute(REACHED, (at,)).fetchone()
        at = 0 if reached is None else int(reached[0])
    row = connection.execute(COMMAND_END, (at, at)).fetchone()
    return 0 if row is None else int(row[0])


PAGE = """
SELECT uuid_send(command_id), position, stream_id, version, recorded_at,
    version = 1 OR EXISTS (
        SELECT FROM log.events AS earlier
        WHERE earlier.stream_id = event.stream_id AND earlier.version = event.version - 1
            AND earlier.position < event.position
    ) AS follows,
    name, schema_version, data
FROM log.events AS event
WHERE position > %b AND position <= %b
ORDER BY position
LIMIT %b
"""
POSTING = """
SELECT name, schema_version, data FROM log.events
WHERE stream_id = %s AND version = 1 AND name = 'PostingBooked'
"""
REACHED = "SELECT position FROM log.events WHERE recorded_at <= %s ORDER BY position DESC LIMIT 1"
COMMAND_END = """
SELECT position FROM log.events
WHERE position <= %s
    AND command_id IS DISTINCT FROM (SELECT command_id FROM log.events WHERE position = %s + 1)
ORDER BY position DESC
LIMIT 1
"""
