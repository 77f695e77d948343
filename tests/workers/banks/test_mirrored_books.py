"""Whatever happens to an account, to its bank and to us, our books hold what the bank holds."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from ops.mirrors.house import House, housed
from ops.mirrors.life import Life
from ops.mirrors.synced import Follower, audited, tempered
from ops.settings import read_settings
from tests.access.house import SETTINGS
from tests.workers.banks.outside import Outside
from workers.database import database_clock

LIVES = (3, 4)
KINDS = ("cursor", "windows")
WEEK = timedelta(days=7, seconds=1)


class Clock:
    """The database's clock, as far ahead as a test wants."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self, connection: Connection[Any]) -> datetime:
        return database_clock(connection) + self.ahead


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def us(
    module_database: str, server_dir: Path, banks: dict[str, Outside], clock: Clock
) -> Iterator[House]:
    """Give our side; in the end its books stand up to their audit."""
    place = {"DATABASE_URL": module_database, "DATA_DIR": str(server_dir / "mirrors")}
    settings = read_settings({**SETTINGS, **place})
    with housed(settings, module_database, banks["cursor"].port, clock) as house:
        yield house
    assert audited(settings, module_database) == []


def follower(us: House, bank: Outside, seed: int, life: Life) -> Follower:
    """Let somebody connect an account that is about to live."""
    us.ports["sandbox"] = bank.adapter(limit=7)
    tempered(life, seed)
    follows = Follower(us, life, seed)
    follows.connect(bank.consented("carol"))
    return follows


@pytest.mark.parametrize("kind", KINDS)
def test_our_books_are_the_truth_after_every_sync(
    us: House, banks: dict[str, Outside], kind: str
) -> None:
    bank = banks[kind]
    bank.begin()
    crashes = 0
    for seed in LIVES:
        with closing(Life(bank.sandbox.url, seed, mutable=True)) as life:
            told = follower(us, bank, seed, life).follow()
        assert told.wrong == []
        assert 0 < told.found == told.planted
        crashes += told.crashes
    assert crashes > 0


def test_what_is_pending_for_a_week_and_told_no_more_is_given_up(
    us: House, cursor: Outside, clock: Clock
) -> None:
    with closing(Life(cursor.sandbox.url, 1, mutable=True)) as life:
        follows = follower(us, cursor, 1, life)
        life.add(-300, "Hotel", "pending")
        follows.sync()
        assert list(holding(follows).pending.values()) == [-300]
        for ahead, left in ((WEEK / 2, [-300]), (WEEK, [])):
            clock.ahead = ahead
            follows.job_key = us.asked(follows.connection_id)
            follows.sync()
            assert list(holding(follows).pending.values()) == left
        [line] = life.lines()
        life.control("POST", f"/transactions/{line['id']}/settle", amount=-310)
        follows.job_key = us.asked(follows.connection_id)
        follows.sync()
        assert list(holding(follows).posted.values()) == [-310]
        us.left(follows.connection_id)
    clock.ahead = timedelta()


def test_an_account_that_its_bank_closes_is_put_to_rest(us: House, cursor: Outside) -> None:
    with closing(Life(cursor.sandbox.url, 2, mutable=True)) as life:
        follows = follower(us, cursor, 2, life)
        follows.sync()
        life.control("POST", f"/accounts/{life.account_id}/close")
        follows.job_key = us.asked(follows.connection_id)
        follows.sync()
        state: Any = us.ledger.current_blocking(f"account-{follows.account_id}").state
        assert (state.status, state.status_reason) == ("INACTIVE", "closed_at_bank")
        assert follows.told.wrong == []
        us.left(follows.connection_id)


def holding(follows: Follower) -> Any:
    return follows.house.holding(follows.connection_id, follows.account_id)
