"""The event-sourcing library's recorders over our tables: the log, and snapshots beside it.

A save is one command: head row, contiguous positions, hashes and the command's own row, in one
database transaction, as the group commit writes it. Nothing is ever repeated blindly: a save whose
reply was lost may have counted, and its streams' versions tell.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any, Never
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    DatabaseError,
    DataError,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    InterfaceError,
    InternalError,
    Notification,
    NotSupportedError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    StoredEvent,
    Subscription,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType
from psycopg import Cursor
from typing_extensions import override

from ledger.append.ports import Head
from schema.append import APPEND, LOCK
from schema.blocking import BlockingPool, unopened_pool
from schema.options import refused
from schema.stored import Mislabelled, Stored, command_rows

POLL_SECONDS = 0.025
PAGE_ROWS = 500
LAST = 2**63 - 1
LIBRARY = "library:"
"""Sets the library's snapshots apart from those of the append, which share their table."""


class LogFactory(InfrastructureFactory[TrackingRecorder]):
    """What an application is built from: `LEDGER_DSN` says where the log is.

    Options of the library's own PostgreSQL module are refused, because they would not count here.
    """

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        dsn = self.env.get("LEDGER_DSN")
        trouble = refused(self.env) if dsn else "LEDGER_DSN is missing: where the log is"
        if not dsn or trouble:
            raise InfrastructureFactoryError(trouble)
        self.pool = unopened_pool(dsn)

    @override
    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Return the recorder of snapshots, or the log for any other purpose."""
        return SnapshotRecorder(self.pool) if purpose == "snapshots" else LogRecorder(self.pool)

    @override
    def application_recorder(self) -> ApplicationRecorder:
        return LogRecorder(self.pool)

    @override
    def tracking_recorder(self, tracking_recorder_class: type[Any] | None = None) -> Never:
        """Refuse: projections keep their own checkpoints."""
        raise InfrastructureFactoryError(NO_TRACKING)

    @override
    def process_recorder(self) -> Never:
        """Refuse: what follows the log keeps its own checkpoints."""
        raise InfrastructureFactoryError(NO_TRACKING)

    @override
    def close(self) -> None:
        self.pool.close()


class LogRecorder(ApplicationRecorder):
    """The log: a notification's id is its position."""

    def __init__(self, pool: BlockingPool) -> None:
        self.pool = pool

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Record events as one command, all or nothing; return their positions.

        Raises `IntegrityError` when a stream has one of the versions already.
        """
        if any(value is not None for value in kwargs.values()):
            raise NotSupportedError(f"nothing else is saved with events: {', '.join(kwargs)}")
        if not stored_events:
            return []
        lines = [stored(event) for event in stored_events]
        with cursor_of(self.pool) as cursor, cursor.connection.transaction():
            [head] = cursor.execute(LOCK).fetchall()
            position = head[0]
            cursor.execute(APPEND, command_rows(Head(*head), lines), prepare=True)
            assert cursor.fetchone() is not None, "nobody moves a locked head"
        return list(range(position + 1, position + 1 + len(lines)))

    @override
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        statement = EVENTS_NEWEST_FIRST if desc else EVENTS
        rows = select(self.pool, statement, bounds(originator_id, gt, lte, limit))
        return [StoredEvent(*row) for row in rows]

    @override
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - inclusive_of_start
        last = LAST if stop is None else stop
        statement = NAMED_NOTIFICATIONS if topics else NOTIFICATIONS
        named = [list(topics)] if topics else []
        rows = select(self.pool, statement, (after, last, *named, limit))
        return [Notification(*row) for row in rows]

    @override
    def max_notification_id(self) -> int | None:
        [(position,)] = select(self.pool, POSITION, ())
        return position or None

    @override
    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return PollingSubscription(self, gt, topics)


class PollingSubscription(Subscription[ApplicationRecorder]):
    """Follows the log by asking; it holds no connection and no thread while it waits."""

    def __init__(
        self, recorder: ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder, gt, topics)
        self.stopped = Event()
        self.page: Iterator[Notification] = iter(())

    @override
    def stop(self) -> None:
        """End the iteration, also one that is waiting in another thread."""
        super().stop()
        self.stopped.set()

    @override
    def __next__(self) -> Notification:
        while not self.stopped.is_set():
            for notification in self.page:
                self._last_notification_id = notification.id
                return notification
            self.page = iter(self.next_page())
        raise StopIteration

    def next_page(self) -> Sequence[Notification]:
        """Return what is new; nothing after a pause."""
        found = self._recorder.select_notifications(
            self._last_notification_id, PAGE_ROWS, topics=self._topics, inclusive_of_start=False
        )
        if not found:
            self.stopped.wait(POLL_SECONDS)
        return found


class SnapshotRecorder(AggregateRecorder):
    """The library's snapshots as they are; the append keeps its own (`schema.snapshots`)."""

    def __init__(self, pool: BlockingPool) -> None:
        self.pool = pool

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        """Keep snapshots, all or none. Raises `IntegrityError` for one that is kept already."""
        with cursor_of(self.pool) as cursor:
            columns = (
                [str(each.originator_id) for each in stored_events],
                [each.originator_version for each in stored_events],
                [LIBRARY + each.topic for each in stored_events],
                [each.state for each in stored_events],
            )
            cursor.execute(KEEP, columns)

    @override
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        statement = SNAPSHOTS_NEWEST_FIRST if desc else SNAPSHOTS
        rows = select(self.pool, statement, bounds(originator_id, gt, lte, limit))
        return [StoredEvent(*row) for row in rows]


def stored(event: StoredEvent) -> Stored:
    """Return what one event brings into the log."""
    return Stored(str(event.originator_id), event.originator_version, event.topic, event.state)


@contextmanager
def cursor_of(pool: BlockingPool) -> Iterator[Cursor[tuple[Any, ...]]]:
    """Lend a cursor; what goes wrong with it goes by the library's names."""
    try:
        pool.open()
        with pool.connection() as connection, connection.cursor(binary=True) as cursor:
            yield cursor
    except Mislabelled as failure:
        raise DataError(str(failure)) from failure
    except psycopg.Error as failure:
        raise renamed(failure) from failure


def renamed(failure: psycopg.Error) -> PersistenceError:
    """Return the library's exception for one of the driver."""
    for theirs, ours in ERRORS.items():
        if isinstance(failure, theirs):
            return ours(str(failure))
    return DatabaseError(str(failure))


def select(pool: BlockingPool, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Read rows."""
    with cursor_of(pool) as cursor:
        return cursor.execute(statement.encode(), values, prepare=True).fetchall()


def bounds(
    originator_id: UUID | str, gt: int | None, lte: int | None, limit: int | None
) -> tuple[Any, ...]:
    """Return the parameters that select a part of a stream."""
    return str(originator_id), -1 if gt is None else gt, LAST if lte is None else lte, limit


NO_TRACKING = "no tracking: a projection moves its checkpoint together with its own rows"
ERRORS: dict[type[psycopg.Error], type[PersistenceError]] = {
    psycopg.IntegrityError: IntegrityError,
    psycopg.OperationalError: OperationalError,
    psycopg.InterfaceError: InterfaceError,
    psycopg.DataError: DataError,
    psycopg.ProgrammingError: ProgrammingError,
    psycopg.InternalError: InternalError,
    psycopg.NotSupportedError: NotSupportedError,
}

POSITION = "SELECT position FROM log.head"
NOTIFICATIONS = (
    "SELECT stream_id, version, name, data, position FROM log.events"
    " WHERE position > %b::bigint AND position <= %b::bigint"
    " ORDER BY position LIMIT %b::bigint"
)
NAMED_NOTIFICATIONS = (
    "SELECT stream_id, version, name, data, position FROM log.events"
    " WHERE position > %b::bigint AND position <= %b::bigint AND name = ANY(%b::text[])"
    " ORDER BY position LIMIT %b::bigint"
)
EVENTS = (
    "SELECT stream_id, version, name, data FROM log.events"
    " WHERE stream_id = %b AND version > %b::bigint AND version <= %b::bigint"
    " ORDER BY version LIMIT %b::bigint"
)
EVENTS_NEWEST_FIRST = EVENTS.replace("ORDER BY version", "ORDER BY version DESC")
SNAPSHOTS = (
    "SELECT stream_id, version, substr(name, length('library:') + 1), state FROM log.snapshots"
    " WHERE stream_id = %b AND version > %b::bigint AND version <= %b::bigint"
    " AND starts_with(name, 'library:') ORDER BY version LIMIT %b::bigint"
)
SNAPSHOTS_NEWEST_FIRST = SNAPSHOTS.replace("ORDER BY version", "ORDER BY version DESC")
KEEP = (
    "INSERT INTO log.snapshots (stream_id, version, name, state)"
    " SELECT u.* FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[]) AS u"
)
