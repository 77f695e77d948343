"""Demo data is made by commands, step by step, and every step is made once."""

import asyncio
import base64
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from ledger.application import Ledger
from ledger.commands.account import OpenAccount
from ledger.commands.command import Context
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM
from ledger.identity import derived_id
from ops.banking import ring_of
from ops.composition import Books, open_books
from ops.demo import ACCOUNTS, ALICE
from ops.passwords import passwords_of
from ops.sandbox_bank.initial import lasting_refresh
from ops.seeding.run import Seeded, Seeding
from ops.settings import Settings, read_settings

KEY = base64.b64encode(bytes(32)).decode()


class Halted(Exception):
    """Somebody has pulled the plug."""


class Plug:
    """A ledger that carries out one command and is gone with the second."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.handled = ledger, False
        self.current = ledger.current

    async def handle(self, *asked: Any) -> Any:
        if self.handled:
            raise Halted
        self.handled = True
        return await self.ledger.handle(*asked)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    quick = {"LEDGERBANK_ENV": "test", "DATA_DIR": str(tmp_path), "ARGON2_MEMORY_KIB": "8"}
    return read_settings({**quick, "TOKEN_ENCRYPTION_KEYS": f"t1:{KEY}"})


async def seeded(settings: Settings, books: Books, ledger: Any = None) -> Seeded:
    passwords = passwords_of(settings)
    try:
        found = cast("Ledger", ledger or books.ledger)
        ring = ring_of(settings)
        return await Seeding(found, books.pool, passwords, ring, settings.core.index_key).run()
    finally:
        passwords.close()


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_seeding_that_breaks_off_anywhere_is_finished(settings: Settings, database: str) -> None:
    """Whoever takes it up makes just what is missing."""

    async def run() -> int:
        async with open_books(settings, database) as books:
            for runs in range(100):
                try:
                    await seeded(settings, books, Plug(books.ledger))
                except Halted:
                    continue
                assert await seeded(settings, books) == Seeded(0, ())
                return runs
        raise AssertionError("it never ends")

    assert asyncio.run(run()) > 25
    told = dict(rows(database, TOLD))
    assert (told["PaymentCompleted"], told["BankTransactionMatched"]) == (2, 2)
    assert (told["BankTransactionImported"], told["ConnectionAuthorised"]) == (4, 2)
    assert (told["PostingBooked"], told["BankBalanceReported"]) == (8, 4)
    assert "BalanceDiscrepancyFound" not in told


def test_what_opens_the_bank_is_in_the_vault_only(settings: Settings, database: str) -> None:
    async def run() -> None:
        async with open_books(settings, database) as books:
            await seeded(settings, books)

    asyncio.run(run())
    ring = ring_of(settings)
    kept = rows(database, "SELECT connection_id::text, key_id, refresh FROM log.bank_tokens")
    opened = {ring.open(key, refresh, connection) for connection, key, refresh in kept}
    assert opened == {lasting_refresh(each.mirrored.username) for each in ACCOUNTS}
    for (data,) in rows(database, "SELECT data FROM log.events"):
        assert b"demo-refresh" not in bytes(data)


def test_accounts_of_an_earlier_version_are_left_alone(settings: Settings, database: str) -> None:
    async def run() -> Seeded:
        async with open_books(settings, database) as books:
            await seeded(settings, books)
            earlier = OpenAccount(
                account_id=ACCOUNTS[0].earlier_id,
                user_id=ALICE.user_id,
                currency="USD",
                account_type="CHECKING",
                account_name=Private("Alice Checking", ALICE.user_id),
                last_four="1234",
                opening_posting_id=derived_id("earlier"),
            )
            await books.ledger.handle(earlier, Context(actor=SYSTEM, correlation_id="earlier"))
            return await seeded(settings, books)

    found = asyncio.run(run())
    assert found == Seeded(0, ("Alice Checking",))
    assert "earlier version" in found.notes[0]


TOLD = "SELECT name, count(*)::int FROM log.events GROUP BY name"
