"""Our recorders, beyond the library's contract: one log, whoever writes it, and no holes in it."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any, ClassVar

import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import (
    DataError,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    Notification,
    NotSupportedError,
    OperationalError,
    StoredEvent,
    Tracking,
)

from ledger.events.recorded import Actor, Envelope, Metadata, Recorded
from ledger.identity import new_id
from schema.codec import encode
from schema.recorder import LogFactory, LogRecorder
from tests.schema.logs import NOW, account, append, audited, decided, kill, opened, opening, write

PLUGGED_IN = {
    "PERSISTENCE_MODULE": "schema.recorder",
    "MAPPER_TOPIC": "schema.codec:EventCodec",
    "CREATE_TABLE": "no",
}
LATER = "2026-03-05T09:30:01.000000Z"


@pytest.fixture
def recorder(database: str) -> Iterator[LogRecorder]:
    factory = LogFactory({"LEDGER_DSN": database})
    yield LogRecorder(factory.pool)
    factory.close()


def recorded(stream: str, at: str = NOW) -> Recorded:
    """Return the opening of an account, as the library's mapper is given it."""
    metadata = Metadata(actor=Actor(type="user", id="ada", role="user"), correlation_id="req_1")
    event = opening(stream)[2]
    envelope = Envelope[Any](
        data=event,
        effective_at=at,
        id=new_id(),
        metadata=metadata,
        recorded_at=at,
        schema_version=event.schema_version,
        stream_id=stream,
        stream_version=1,
        type=event.stored_as,
    )
    return Recorded(0, envelope)


def stored(stream: str, version: int = 1) -> StoredEvent:
    return StoredEvent(stream, version, "Opaque", b"\x00 no envelope")


class Plugged(Application[str]):
    """An application of the library on our log."""

    name = "plugged"
    env: ClassVar[dict[str, str]] = PLUGGED_IN


@pytest.mark.parametrize("option", ["POSTGRES_ENABLE_DB_FUNCTIONS", "CREATE_TABLE"])
@pytest.mark.parametrize("on", ["y", "yes", "t", "true", "True", " on ", "1", "perhaps"])
@pytest.mark.parametrize("prefix", ["", "PLUGGED_"])
def test_what_loses_events_or_makes_tables_is_refused(option: str, on: str, prefix: str) -> None:
    with pytest.raises(InfrastructureFactoryError, match=f"{option} must be off"):
        Plugged({"LEDGER_DSN": "dbname=any", prefix + option: on})


@pytest.mark.parametrize("off", ["", "n", "no", "f", "false", "False", "off", "0"])
def test_what_is_off_is_off(off: str) -> None:
    env = {"LEDGER_DSN": "dbname=any", "POSTGRES_ENABLE_DB_FUNCTIONS": off, "CREATE_TABLE": off}
    assert isinstance(InfrastructureFactory.construct({**PLUGGED_IN, **env}), LogFactory)


@pytest.mark.parametrize("option", ["POSTGRES_POOL_SIZE", "APPLICATION_RECORDER_TOPIC"])
def test_an_option_that_would_not_count_is_refused(option: str) -> None:
    with pytest.raises(InfrastructureFactoryError, match=f"{option} has no effect here"):
        LogFactory({"LEDGER_DSN": "dbname=any", option: "5"})


def test_where_another_database_is_does_not_matter() -> None:
    LogFactory({"LEDGER_DSN": "dbname=any", "POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "p"})


@pytest.mark.parametrize("env", [{}, {"LEDGER_DSN": ""}, {"POSTGRES_DBNAME": "ledger"}])
def test_the_log_has_to_be_somewhere(env: dict[str, str]) -> None:
    with pytest.raises(InfrastructureFactoryError, match="LEDGER_DSN is missing"):
        LogFactory(env)


def test_an_application_of_the_library_writes_our_log(database: str) -> None:
    first, second = account(), account()
    with Plugged({"LEDGER_DSN": database}) as application:
        recordings = application.save(recorded(first), recorded(second, LATER))
        assert [each.notification.id for each in recordings] == [1, 2]
        [event] = application.events.get(first)
        assert event == recordings[0].domain_event
        [_, notification] = application.notification_log.select(start=1, limit=10)
        assert application.mapper.to_domain_event(notification).originator_id == second
    rows = audited(database)
    assert [row[:3] for row in rows] == [(1, first, 1), (2, second, 1)]
    with psycopg.connect(database) as connection:
        commands = connection.execute(COMMANDS).fetchall()
        columns = connection.execute(COLUMNS).fetchone()
    assert commands == [("", rows[0][3], rows[0][3], None, 1, 2, None, LATER)]
    assert columns == ("AccountOpened", 1, "ada", "req_1", NOW, NOW)


def test_the_append_goes_on_where_an_application_stopped(database: str) -> None:
    async def go_on() -> None:
        async with opened(database) as store:
            head = await store.head()
            assert (head.position, head.recorded_at) == (1, LATER)
            assert [each.envelope.stream_id for each in await store.follow(0)] == [stream]
            fetched = await store.fetch([stream])
            assert fetched.entries[stream].version == 1
            await append(store, head, decided(opening(account()), now=LATER))

    stream = account()
    with Plugged({"LEDGER_DSN": database}) as application:
        application.save(recorded(stream, LATER))
        asyncio.run(go_on())
        application.save(recorded(account(), NOW))
    assert len(audited(database)) == 3
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT recorded_at FROM log.head").fetchone()
    assert row == (LATER,), "the time of the log never goes back"


def test_bytes_that_are_no_envelope_are_kept_as_they_are(
    recorder: LogRecorder, database: str
) -> None:
    event = stored(account())
    recorder.insert_events([event])
    assert recorder.select_events(event.originator_id) == [event]
    assert len(audited(database)) == 1


@pytest.mark.parametrize(
    "place", [("account-other", 1, "AccountOpened"), ("", 2, "AccountOpened"), ("", 1, "Other")]
)
def test_an_envelope_stays_where_it_belongs(
    recorder: LogRecorder, database: str, place: tuple[str, int, str]
) -> None:
    event = recorded(account())
    stream, version, name = place
    moved = StoredEvent(stream or event.originator_id, version, name, encode(event.envelope))
    with pytest.raises(DataError, match="another event"):
        recorder.insert_events([stored(account()), moved])
    assert audited(database) == []


def test_tracking_is_not_saved_with_events(recorder: LogRecorder, database: str) -> None:
    with pytest.raises(NotSupportedError, match="tracking"):
        recorder.insert_events([stored(account())], tracking=Tracking("upstream", 1))
    assert audited(database) == []


def test_a_killed_connection_is_replaced_before_it_is_used(
    recorder: LogRecorder, database: str
) -> None:
    recorder.pool.open()
    with recorder.pool.connection() as connection:
        pid = connection.info.backend_pid
    kill(database, pid)
    assert recorder.insert_events([stored(account())]) == [1]


def test_a_save_whose_connection_breaks_is_not_repeated(
    recorder: LogRecorder, database: str
) -> None:
    event = stored(account())
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database) as holder:
        holder.execute("SELECT FROM log.head FOR UPDATE")
        saving = pool.submit(recorder.insert_events, [event])
        kill(database, waiting_for(database, holder))
        with pytest.raises(OperationalError):
            saving.result()
    assert audited(database) == []
    assert recorder.insert_events([event]) == [1]
    with pytest.raises(IntegrityError):
        recorder.insert_events([event])


def waiting_for(dsn: str, holder: psycopg.Connection) -> int:
    """Return the process that waits for a lock of `holder`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            row = connection.execute(WAITING, (holder.info.backend_pid,)).fetchone()
            if row is not None:
                return int(row[0])


def test_a_server_out_of_reach_is_an_operational_error() -> None:
    factory = LogFactory({"LEDGER_DSN": "host=/nowhere dbname=none"})
    factory.pool.timeout = 0.2
    try:
        with pytest.raises(OperationalError):
            factory.application_recorder().max_notification_id()
    finally:
        factory.close()


def test_a_subscription_that_waits_can_be_stopped(recorder: LogRecorder) -> None:
    subscription = recorder.subscribe(gt=0)
    seen: list[Notification] = []
    first = Event()

    def follow() -> None:
        with subscription:
            for notification in subscription:
                seen.append(notification)
                first.set()

    following = Thread(target=follow)
    following.start()
    recorder.insert_events([stored(account())])
    assert first.wait(5)
    subscription.stop()
    following.join(5)
    assert not following.is_alive()
    assert [notification.id for notification in seen] == [1]


def test_a_subscription_follows_names_over_many_pages(recorder: LogRecorder) -> None:
    stream = account()
    recorder.insert_events([stored(stream, n) for n in range(1, 1_101)])
    with recorder.subscribe(gt=10, topics=["Opaque"]) as subscription:
        ids = [next(subscription).id for _ in range(1_090)]
    assert ids == list(range(11, 1_101))


SAVES = 60
SIZES = (1, 4, 2, 3, 5)


def library_writer(dsn: str) -> None:
    """Save through the library."""
    factory = LogFactory({"LEDGER_DSN": dsn})
    recorder = factory.application_recorder()
    for n in range(SAVES):
        recorder.insert_events([stored(account()) for _ in range(SIZES[n % len(SIZES)])])
    factory.close()


def turn_writer(dsn: str) -> None:
    """Append under the lock of the head, as processes do where they meet."""

    async def save_all() -> None:
        async with opened(dsn) as store:
            for n in range(SAVES):
                lines = [opening(account()) for _ in range(SIZES[n % len(SIZES)])]
                async with store.turn() as turn:
                    await write(store, turn, decided(*lines))

    asyncio.run(save_all())


def test_a_reader_by_position_misses_nothing(database: str) -> None:
    """Four writers of two kinds, and a reader that never looks back."""
    writers: list[Callable[[str], None]] = [library_writer, turn_writer] * 2
    total = len(writers) * SAVES * sum(SIZES) // len(SIZES)
    seen: list[int] = []
    with ThreadPoolExecutor(4) as pool, psycopg.connect(database, autocommit=True) as reader:
        writing = [pool.submit(writer, database) for writer in writers]
        while len(seen) < total and not any(each.done() and each.exception() for each in writing):
            last = seen[-1] if seen else 0
            seen += [position for (position,) in reader.execute(AFTER, (last,))]
            assert seen == list(range(1, len(seen) + 1)), "a hole was seen"
        for each in writing:
            each.result()
    assert len(seen) == total
    assert len(audited(database)) == total


AFTER = "SELECT position FROM log.events WHERE position > %s ORDER BY position LIMIT 7"
WAITING = "SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
COMMANDS = """
SELECT scope, key, command_id::text, request_hash, first_position, last_position, answer,
    recorded_at
FROM log.commands
"""
COLUMNS = """
SELECT name, schema_version, actor_id, correlation_id, recorded_at, effective_at
FROM log.events WHERE position = 1
"""
