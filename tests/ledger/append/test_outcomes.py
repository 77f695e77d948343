"""Lost answers and lost databases: every command counts once, and its asker is told right."""

from itertools import repeat
from typing import Any

import pytest

from ledger.append import appender
from ledger.append.ports import Unavailable
from ledger.commands.asked import Outcome
from ledger.errors import Reason
from tests.builders import HERS, HIS, identity, transfer
from tests.ledger.append.desk import Desk, all_told, keyed, opened, play, turns
from tests.ledger.append.store import AFTER, BEFORE, DOWN


def numbered(number: int, amount: str = "1.00", **fields: Any) -> Any:
    return transfer(
        amount,
        transfer_id=identity(f"transfer {number}"),
        posting_id=identity(f"posting {number}"),
        **fields,
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender, "RESOLVE_SECONDS", 0.001)


def booked(desk: Desk) -> int:
    return desk.database.names().count("TransferBooked")


@pytest.mark.parametrize("contended", [False, True])
@pytest.mark.parametrize("fault", [BEFORE, AFTER])
def test_a_lost_answer_is_looked_up_and_the_command_counts_once(
    fault: str, *, contended: bool
) -> None:
    async def story() -> None:
        async with opened() as [desk]:
            first = await desk.ask(numbered(0))
            if contended:
                desk.appender.meet_others()
            desk.store.faults.append(fault)
            asked = [desk.submit(numbered(number)) for number in range(1, 4)]
            told = [await each for each in asked]
            positions = [each.position for each in told]
            assert positions == [first.position + 5 * n for n in range(1, 4)]
            assert booked(desk) == 4
            assert desk.database.state(f"account-{HERS}").balance == 100_000 - 400

    play(story)


def test_refusals_of_a_batch_whose_answer_was_lost_are_decided_again() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.faults.append(AFTER)
            told = await all_told([desk.submit(numbered(n, "600.00")) for n in (1, 2)])
            assert isinstance(told[0], Outcome)
            assert told[1] is Reason.INSUFFICIENT_FUNDS
            assert booked(desk) == 2

    play(story)


def test_a_lost_answer_to_a_keyed_command_is_replayed_to_whoever_asks_again() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.faults.append(AFTER)
            outcome = await desk.ask(numbered(1), asked=keyed())
            again = await desk.ask(numbered(2), asked=keyed())
            assert again.replayed
            assert again.answer == outcome.answer
            assert again.position == outcome.position
            assert booked(desk) == 2

    play(story)


def test_what_was_decided_on_top_of_a_lost_batch_is_decided_again_in_order() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.faults.append(BEFORE)
            desk.store.pauses = repeat(20)
            first = desk.submit(numbered(1, "600.00"))
            await turns(5)
            second = desk.submit(numbered(2, "600.00"))
            await turns(5)
            assert desk.appender.next is not None
            told = await all_told([first, second])
            assert isinstance(told[0], Outcome)
            assert told[1] is Reason.INSUFFICIENT_FUNDS

    play(story)


def test_an_outcome_that_stays_unknown_is_told_as_such_and_resolved_by_asking_again() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))

            def vanish() -> None:
                desk.store.down = True

            desk.store.faults.append(AFTER)
            desk.store.before_commit.append(vanish)
            asked = desk.submit(numbered(1), asked=keyed())
            assert (await all_told([asked]))[0] is Reason.SERVICE_UNAVAILABLE
            desk.store.down = False
            outcome = await desk.ask(numbered(2), asked=keyed())
            assert outcome.replayed
            assert booked(desk) == 2

    play(story)


def test_a_database_out_of_reach_is_told_and_nothing_was_written() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.faults.append(DOWN)
            assert await desk.ask(numbered(1)) is Reason.SERVICE_UNAVAILABLE
            assert booked(desk) == 1
            assert isinstance(await desk.ask(numbered(1)), Outcome)

    play(story)


def test_a_database_that_was_never_there_is_told_until_it_comes() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            desk.store.down = True
            assert await desk.ask(numbered(0)) is Reason.SERVICE_UNAVAILABLE
            desk.store.down = False
            assert isinstance(await desk.ask(numbered(0)), Outcome)

    play(story)


def test_streams_out_of_reach_are_told_after_some_tries() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.down = True
            cold = numbered(1, source_account_id=identity("cold"))
            assert await desk.ask(cold) is Reason.SERVICE_UNAVAILABLE
            desk.store.down = False
            assert await desk.ask(cold) is Reason.ACCOUNT_NOT_FOUND

    play(story)


def test_a_failure_of_the_store_meets_one_command_at_a_time() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.faults.append(RuntimeError("who knows"))
            told = await all_told([desk.submit(numbered(n)) for n in range(1, 4)])
            assert all(isinstance(each, Outcome) for each in told)
            assert booked(desk) == 4

    play(story)


def test_a_failure_after_the_commit_books_nothing_twice() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            commit = desk.store.commit
            failures = [RuntimeError("after the commit")]

            async def commit_and_fail(staged: Any) -> None:
                await commit(staged)
                if failures:
                    raise failures.pop()

            desk.store.commit = commit_and_fail  # type: ignore[method-assign]  # one bad moment
            told = await all_told([desk.submit(numbered(n)) for n in range(1, 4)])
            assert all(isinstance(each, Outcome) for each in told)
            assert booked(desk) == 4
            assert desk.database.state(f"account-{HIS}").balance == 400

    play(story)


def test_a_database_out_of_reach_under_the_lock_is_told_and_nothing_was_written() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.appender.meet_others()
            desk.store.faults.append(DOWN)
            assert await desk.ask(numbered(1)) is Reason.SERVICE_UNAVAILABLE
            assert booked(desk) == 1

    play(story)


def test_a_database_that_goes_while_a_collision_is_looked_at_is_told() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            await here.ask(numbered(1))
            await there.ask(numbered(0))

            async def gone(names: Any) -> Any:  # noqa: ARG001  # the port calls it so
                raise Unavailable

            there.store.find = gone  # type: ignore[method-assign]  # from now on
            assert await there.ask(numbered(1)) is Reason.SERVICE_UNAVAILABLE

    play(story)


def test_a_failure_while_a_collision_is_looked_at_meets_only_its_own_caller() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            await here.ask(numbered(1))
            await there.ask(numbered(0))
            there.store.poisoned.add(f"transfer-{identity('transfer 1')}")
            asked = [there.submit(numbered(1)), there.submit(numbered(2))]
            with pytest.raises(ValueError, match="nobody can read"):
                await asked[0]
            assert isinstance((await all_told(asked[1:]))[0], Outcome)

    play(story)


def test_what_cannot_be_gathered_under_the_lock_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender, "LOOKUPS_MAX", 1)

    async def story() -> None:
        async with opened() as [desk]:
            assert await desk.ask(numbered(0)) is Reason.SERVICE_UNAVAILABLE

    play(story)
