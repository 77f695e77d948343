"""Migrations are applied in order, once, and history is not rewritten."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from ledger.money import EXPONENTS
from ops.embedded.postgres import Place
from schema.migrate import (
    Migration,
    MigrationRefused,
    apply,
    known,
    migrate,
    pending,
    unapplied,
)
from schema.postgres import connect


@pytest.fixture
def empty(postgres_server: Place) -> Iterator[str]:
    """Give the address of a database without any tables."""
    name = sql.Identifier(f"empty_{uuid4().hex[:12]}")
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield postgres_server.url(name.as_string().strip('"'))
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_every_step_is_applied_once_and_its_assertions_hold(empty: str) -> None:
    names = [migration.name for migration in known()]
    assert sorted(names) == names
    assert names == pending(empty)
    assert names == migrate(empty, asserted=True)
    assert pending(empty) == []
    assert migrate(empty) == []


def test_migrators_that_start_together_apply_every_step_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = [name for names in threads.map(migrate, [empty] * 4) for name in names]
    assert [migration.name for migration in known()] == applied


def test_an_edited_step_is_refused(empty: str) -> None:
    migrate(empty)
    with psycopg.connect(empty) as connection:
        connection.execute("UPDATE migrations.applied SET checksum = 'other' WHERE name ~ '^0001'")
    with pytest.raises(MigrationRefused, match="0001_event_log was edited"):
        migrate(empty)
    with pytest.raises(MigrationRefused, match="was edited"):
        pending(empty)


def test_a_database_newer_than_the_program_is_refused(empty: str) -> None:
    migrate(empty)
    with psycopg.connect(empty) as connection:
        connection.execute("INSERT INTO migrations.applied VALUES ('9999_future', 'x')")
    with pytest.raises(MigrationRefused, match="newer than this program: it has 9999_future"):
        migrate(empty)


def test_a_step_that_was_slipped_in_between_is_refused() -> None:
    first, second = Migration("0001_a", "a", "", ""), Migration("0002_b", "b", "", "")
    applied = [(second.name, second.checksum)]
    with pytest.raises(MigrationRefused, match="0002_b where this program has 0001_a"):
        unapplied((first, second), applied)
    assert (second,) == unapplied((first, second), [(first.name, first.checksum)])


@pytest.mark.parametrize(
    "broken",
    [
        Migration("0099_bad", "CREATE TABLE half (a int); SELECT nonsense", "", ""),
        Migration("0099_bad", "CREATE TABLE half (a int)", "", "DO $$BEGIN ASSERT false; END$$"),
    ],
)
def test_a_step_that_fails_leaves_nothing(empty: str, broken: Migration) -> None:
    migrate(empty)
    with connect(empty) as connection:
        with pytest.raises(psycopg.Error):
            apply(connection, broken, asserted=True)
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
        count = connection.execute("SELECT count(*) FROM migrations.applied").fetchone()
        assert (len(known()),) == count
        apply(connection, replace(broken, up="CREATE TABLE half (a int)", after=""), asserted=True)
        assert connection.execute("SELECT to_regclass('half')::text").fetchone() == ("half",)


def test_the_database_knows_the_decimals_of_every_currency(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT c, read.exponent(c), read.money(12345, c) FROM unnest(%s::text[]) AS c",
            (list(EXPONENTS),),
        ).fetchall()
    assert {code: exponent for code, exponent, _ in rows} == EXPONENTS
    for code, exponent, text in rows:
        assert exponent == len(text.partition(".")[2]), code


def test_the_application_cannot_write_read_models_nor_change_events(database: str) -> None:
    with connect(database, "ledgerbank_app") as connection:
        for statement in (
            "UPDATE read.accounts SET balance = 0",
            "DELETE FROM read.checkpoints",
            "UPDATE log.events SET data = ''",
            "TRUNCATE log.events",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
