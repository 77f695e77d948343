"""Readings: what was read from the database is never put in the place of what is newer."""

import asyncio
from typing import Any

from ledger.commands.asked import Outcome
from ledger.decisions.view import ABSENT, Claim, claim_key
from ledger.errors import Reason
from ledger.policies.duplicates import FINGERPRINT
from tests.builders import (
    ANNA,
    HERS,
    OTHER_PAYMENT,
    PAYMENT,
    created,
    failure,
    identity,
    process,
    transfer,
)
from tests.ledger.append.desk import Desk, opened, play


def numbered(number: int | str, amount: str = "1.00", **fields: Any) -> Any:
    return transfer(
        amount,
        transfer_id=identity(f"transfer {number}"),
        posting_id=identity(f"posting {number}"),
        **fields,
    )


def test_an_older_reading_never_replaces_what_is_known() -> None:
    """A claim is taken while an older reading of it is on its way; the rule must not forget it."""

    async def story() -> None:
        async with opened(created(1_000), created(1_000, OTHER_PAYMENT)) as [desk]:
            await desk.ask(numbered(0))
            key = fingerprint_key(desk)
            stale = asyncio.create_task(desk.appender.loading.bring([key]))
            desk.store.before_answering.append(lambda: None)
            await asyncio.sleep(0)
            assert isinstance(await desk.ask(process()), Outcome)
            await stale
            assert desk.memory.entries[key] == Claim(PAYMENT)
            assert await desk.ask(process(OTHER_PAYMENT)) is Reason.DUPLICATE_TRANSACTION

    play(story)


def fingerprint_key(desk: Desk) -> str:
    digest = desk.vault.digest(ANNA, 1_000, "USD", "Groceries", "DEBIT")
    return claim_key(FINGERPRINT, digest)


def test_a_reading_from_before_everything_was_forgotten_is_repeated() -> None:
    """Old claims outlive their window as rows; a forgotten one must not come back as it was."""

    async def story() -> None:
        async with opened(created(1_000), created(1_000, OTHER_PAYMENT)) as [desk]:
            await desk.ask(numbered(0))
            key = fingerprint_key(desk)
            name = FINGERPRINT, key.removeprefix(f"claim:{FINGERPRINT}:")
            desk.database.claims[name] = Claim("long gone", "2026-01-01T00:00:00.000000Z")
            slow = SlowReading(desk)
            stale = asyncio.create_task(desk.appender.loading.bring([key]))
            await slow.has_read.wait()
            assert isinstance(await desk.ask(process()), Outcome)
            desk.memory.forget()
            desk.memory.learn(desk.database.read([f"account-{HERS}"]).entries)
            await desk.appender.look_again([])
            slow.may_answer.set()
            await stale
            assert desk.memory.entries[key] == Claim(PAYMENT)
            assert await desk.ask(process(OTHER_PAYMENT)) is Reason.DUPLICATE_TRANSACTION

    play(story)


class SlowReading:
    """The next reading is held back between the database and whoever asked."""

    def __init__(self, desk: Desk) -> None:
        self.has_read, self.may_answer = asyncio.Event(), asyncio.Event()
        self.read, self.store = desk.store.fetch, desk.store
        self.store.fetch = self.fetch  # type: ignore[method-assign]  # one slow answer

    async def fetch(self, keys: Any) -> Any:
        self.store.fetch = self.read  # type: ignore[method-assign]  # as before
        fetched = await self.read(keys)
        self.has_read.set()
        await self.may_answer.wait()
        return fetched


def test_claims_of_other_processes_are_looked_at_anew() -> None:
    async def story() -> None:
        lines = [created(1_000), created(1_000, OTHER_PAYMENT)]
        async with opened(*lines, desks=2) as [here, there]:
            assert isinstance(await here.ask(process()), Outcome)
            assert await there.ask(process(OTHER_PAYMENT)) is Reason.DUPLICATE_TRANSACTION
            assert isinstance(await here.ask(failure()), Outcome)
            assert isinstance(await there.ask(process(OTHER_PAYMENT)), Outcome)
            name = FINGERPRINT, fingerprint_key(here).removeprefix(f"claim:{FINGERPRINT}:")
            assert here.database.claims[name] == Claim(OTHER_PAYMENT)
            assert here.memory.entries.get(fingerprint_key(here), ABSENT) is ABSENT

    play(story)
