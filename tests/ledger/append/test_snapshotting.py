"""Snapshotting: long streams are kept as states from time to time."""

import asyncio
from contextlib import suppress

import pytest

from ledger.append import snapshotting
from ledger.append.snapshotting import EVERY, Snapshotting
from ledger.commands.asked import Loaded
from ledger.decisions.view import ABSENT
from tests.builders import HERS
from tests.ledger.append.database import Database
from tests.ledger.append.desk import play
from tests.ledger.append.store import FakeStore

ACCOUNT = f"account-{HERS}"


def at_version(version: int) -> dict[str, object]:
    return {ACCOUNT: Loaded(None, version, "", "", ACCOUNT), "claim:email:anna": ABSENT}


def saved(store: FakeStore) -> int:
    row = store.database.rows.get(("snapshots", ACCOUNT), {"version": 0})
    version: int = row["version"]
    return version


def test_a_stream_is_saved_when_it_is_long_and_again_when_it_has_grown() -> None:
    async def story() -> None:
        store = FakeStore(Database())
        keeper = Snapshotting(store)
        versions = [EVERY - 1, EVERY, 2 * EVERY - 1, 2 * EVERY]
        expected = [0, EVERY, EVERY, 2 * EVERY]
        for version, last in zip(versions, expected, strict=True):
            keeper.note(at_version(version))
            await keeper.save_due()
            assert saved(store) == last

    play(story)


def test_a_store_out_of_reach_costs_only_a_later_snapshot() -> None:
    async def story() -> None:
        store = FakeStore(Database())
        keeper = Snapshotting(store)
        keeper.note(at_version(EVERY))
        store.down = True
        await keeper.save_due()
        store.down = False
        keeper.note(at_version(EVERY + 1))
        await keeper.save_due()
        assert saved(store) == EVERY + 1

    play(story)


def test_it_goes_on_behind_the_back_of_the_append(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshotting, "PAUSE_SECONDS", 0)

    async def story() -> None:
        store = FakeStore(Database())
        keeper = Snapshotting(store)
        task = asyncio.create_task(keeper.run())
        keeper.note(at_version(EVERY))
        await asyncio.sleep(0.05)
        assert saved(store) == EVERY
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    play(story)
