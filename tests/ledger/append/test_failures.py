"""Failures: a bug meets only the one who asked for what it is about."""

import asyncio
from typing import Any

import msgspec
import pytest

from ledger.append.ports import Unavailable
from ledger.commands.asked import Outcome
from ledger.commands.transfer import MakeTransfer
from ledger.decisions.routing import DECISIONS
from ledger.errors import Reason
from tests.builders import HIS, identity, transfer
from tests.ledger.append.desk import all_told, opened, play, submission


def numbered(number: int, amount: str = "1.00", **fields: Any) -> MakeTransfer:
    return transfer(
        amount,
        transfer_id=identity(f"transfer {number}"),
        posting_id=identity(f"posting {number}"),
        **fields,
    )


class Broken(MakeTransfer, frozen=True, kw_only=True):
    """A command whose decision has a bug."""


def test_a_bug_in_a_decision_meets_only_its_own_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_view: object, _command: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setitem(DECISIONS, Broken, broken)

    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            bug = Broken(**msgspec.structs.asdict(numbered(2)))
            asked = [desk.submit(each) for each in (numbered(1), bug, numbered(3))]
            with pytest.raises(ZeroDivisionError):
                await asked[1]
            assert isinstance(await asked[0], Outcome)
            assert isinstance(await asked[2], Outcome)
            assert isinstance(await desk.ask(numbered(4)), Outcome)

    play(story)


def test_a_command_that_cannot_be_written_meets_only_its_own_caller() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            bad = submission(numbered(2))
            desk.store.unwritable.add(bad.command_id)
            asked = [
                desk.submit(numbered(1)),
                desk.appender.queue.submit(bad),
                desk.submit(numbered(3)),
            ]
            with pytest.raises(ValueError, match="nobody can encode"):
                await asyncio.wait_for(asked[1], 5)
            assert all(isinstance(each, Outcome) for each in await all_told(asked[::2]))
            assert isinstance(await desk.ask(numbered(4)), Outcome)
            assert desk.database.state(f"account-{HIS}").balance == 400

    play(story)


def test_a_stream_that_cannot_be_read_meets_only_who_needs_it() -> None:
    async def story() -> None:
        cold, poisoned = identity("cold"), identity("poisoned")
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.poisoned.add(f"account-{poisoned}")
            bad = desk.submit(numbered(1, source_account_id=poisoned))
            good = desk.submit(numbered(2, source_account_id=cold))
            told = (await all_told([good]))[0]
            assert told is Reason.ACCOUNT_NOT_FOUND
            with pytest.raises(ValueError, match="nobody can read"):
                await asyncio.wait_for(bad, 5)
            assert isinstance(await desk.ask(numbered(4)), Outcome)

    play(story)


def test_a_caller_who_does_not_wait_any_more_is_served_all_the_same() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            asked = desk.submit(transfer("10.00"))
            asked.cancel()
            assert isinstance(await desk.ask(numbered(1)), Outcome)
            assert desk.database.state(f"account-{HIS}").balance == 1_100

    play(story)


def test_a_database_that_goes_while_one_stream_cannot_be_read_costs_only_time() -> None:
    async def story() -> None:
        cold, poisoned = identity("cold"), identity("poisoned")
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.poisoned.add(f"account-{poisoned}")
            fetch = desk.store.fetch
            answers = iter([ValueError("poison"), Unavailable(), Unavailable()])

            async def shaky(keys: Any) -> Any:
                failure = next(answers, None)
                if failure is not None:
                    raise failure
                return await fetch(keys)

            desk.store.fetch = shaky  # type: ignore[method-assign]  # for three readings
            asked = [desk.submit(numbered(n, source_account_id=cold)) for n in (1, 2)]
            assert await all_told(asked) == [Reason.ACCOUNT_NOT_FOUND] * 2

    play(story)
