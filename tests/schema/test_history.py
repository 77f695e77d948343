"""History: what was recorded stays as it was, whoever asks."""

import psycopg
import pytest
from psycopg import errors, sql

from schema.store import LogStore
from tests.schema.logs import account, append, audited, decided, opening, story


@pytest.mark.parametrize("role", ["ledgerbank_app", "ledgerbank_read", None])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log.events SET data = 'x'",
        "UPDATE log.events SET name = name WHERE false",
        "DELETE FROM log.events",
        "TRUNCATE log.events",
        "TRUNCATE log.events CASCADE",
    ],
)
def test_an_event_is_never_changed(database: str, statement: str, role: str | None) -> None:
    story(append_one)(database)
    with psycopg.connect(database, autocommit=True) as connection:
        if role:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        with pytest.raises(errors.InsufficientPrivilege, match=None if role else "append-only"):
            connection.execute(statement.encode())
    assert len(audited(database)) == 1


async def append_one(store: LogStore) -> None:
    await append(store, await store.head(), decided(opening(account())))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log.commands",
        "UPDATE log.commands SET last_position = 0",
        "DELETE FROM log.head",
        "INSERT INTO log.head SELECT * FROM log.head",
        "ALTER TABLE log.events DISABLE TRIGGER events_append_only",
        "DROP TABLE log.events",
    ],
)
def test_the_application_cannot_rewrite_history(database: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET ROLE ledgerbank_app")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement.encode())
