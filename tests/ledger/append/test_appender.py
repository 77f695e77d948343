"""The appender: batches, back-pressure, and outcomes that are told after the commit."""

from itertools import repeat
from typing import Any

import pytest

from ledger.append import queue
from ledger.append.appender import DECIDED_AT_ONCE
from ledger.append.batch import BATCH_MAX
from ledger.commands.asked import Asked, Outcome
from ledger.commands.transfer import MakeTransfer
from ledger.errors import Reason, Refused
from ledger.events.account import AccountCredited
from ledger.events.session import SessionRefreshed
from tests.builders import (
    ALSO_HERS,
    ANNA,
    AS_BORIS,
    BEFORE_MIDNIGHT,
    BORIS,
    HERS,
    HIS,
    NOON,
    SECOND,
    SESSION,
    THIRD,
    completion,
    created,
    identity,
    process,
    refresh,
    rehearsal,
    session_started,
    transfer,
    wish,
)
from tests.ledger.append.desk import Desk, all_told, opened, play, turns


def numbered(number: int, amount: str = "1.00", **fields: Any) -> MakeTransfer:
    return transfer(
        amount,
        transfer_id=identity(f"transfer {number}"),
        posting_id=identity(f"posting {number}"),
        **fields,
    )


def test_a_command_is_told_its_position_and_its_stream() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            outcome = await desk.ask(transfer("10.00"))
            assert outcome.position == len(desk.database.log)
            assert outcome.result.stream_id.startswith("transfer-")
            assert (outcome.result.version, outcome.replayed) == (1, False)
            assert desk.heads == [outcome.position]
            assert desk.database.state(f"account-{HIS}").balance == 1_000

    play(story)


def test_half_of_the_commands_are_decided_while_the_other_half_is_committed() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            asked = [desk.submit(numbered(number)) for number in range(1, 101)]
            positions = [(await each).position for each in asked]
            first, rest = desk.database.batches[-2:]
            assert first + rest == 100
            assert 50 <= first < 50 + DECIDED_AT_ONCE
            assert positions == sorted(set(positions))
            assert desk.database.state(f"account-{HERS}").balance == 100_000 - 10_100
            assert desk.database.state(f"account-{HIS}").balance == 10_100

    play(story)


def test_no_batch_is_larger_than_the_largest() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            asked = [desk.submit(numbered(n, "0.01")) for n in range(2 * BATCH_MAX + 10)]
            assert all(isinstance(each, Outcome) for each in await all_told(asked))
            assert max(desk.database.batches) == BATCH_MAX

    play(story)


def test_each_command_sees_what_the_earlier_ones_of_its_batch_did() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0, "1.00"))
            await desk.warm(f"user-{BORIS}")
            there = desk.submit(numbered(1, "700.00"))
            back = desk.submit(
                numbered(2, "701.00", source_account_id=HIS, destination_account_id=HERS),
                AS_BORIS,
            )
            over = desk.submit(numbered(3, "700.00"))
            told = await all_told([there, back, over])
            assert isinstance(told[1], Outcome)
            assert told[2] is Reason.DAILY_LIMIT_EXCEEDED
            assert desk.database.batches[-1] == 2

    play(story)


def test_refusals_are_told_after_the_commit_they_were_decided_with() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            asked = [desk.submit(numbered(1, "700.00")), desk.submit(numbered(2, "700.00"))]
            heard: list[int] = []
            asked[1].add_done_callback(lambda _: heard.append(desk.database.head.position))
            before = desk.database.head.position
            told = await all_told(asked)
            assert told[1] is Reason.INSUFFICIENT_FUNDS
            assert heard == [before + 5]

    play(story)


def test_a_refusal_alone_is_told_only_if_nothing_else_was_recorded_meanwhile() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            await desk.warm(f"account-{ALSO_HERS}")

            def fund() -> None:
                state = desk.database.state(f"account-{ALSO_HERS}")
                assert state.balance == 0
                desk.database.happened((f"account-{ALSO_HERS}", money_in()))

            desk.store.before_commit.append(fund)
            asked = numbered(1, "5.00", source_account_id=ALSO_HERS)
            assert isinstance(await desk.ask(asked), Outcome)

    play(story)


def money_in() -> AccountCredited:
    return AccountCredited(
        posting_id=identity("gift"), entry_id=identity("gift"), amount=500, balance_after=500
    )


def test_while_one_batch_is_committed_the_next_is_decided_on_top_of_it() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.pauses = repeat(20)
            first = desk.submit(numbered(1, "600.00"))
            await turns(5)
            second = desk.submit(numbered(2, "399.00"))
            third = desk.submit(numbered(3, "0.01"))
            told = await all_told([first, second, third])
            assert [type(each) for each in told[:2]] == [Outcome, Outcome]
            assert told[2] is Reason.INSUFFICIENT_FUNDS

    play(story)


def test_a_refusal_that_comes_with_facts_is_told_after_they_are_recorded() -> None:
    async def story() -> None:
        renewed = SessionRefreshed(old_jti=identity("first"), new_jti=SECOND, expires_at=NOON)
        async with opened(session_started(), (f"session-{SESSION}", renewed)) as [desk]:
            told = await desk.ask(refresh(identity("first"), THIRD))
            assert told is Reason.TOKEN_REVOKED
            assert desk.database.names()[-3:] == [
                "RefreshTokenReuseDetected",
                "SessionEnded",
                "RefreshTokenReuseAudited",
            ]
            assert desk.database.rows["session_state", SESSION]["alive"] is False

    play(story)


def test_a_full_queue_refuses_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "WAITING_MAX", 50)

    async def story() -> None:
        async with opened() as [desk]:
            asked = [desk.submit(numbered(n, "0.01")) for n in range(queue.WAITING_MAX)]
            with pytest.raises(Refused) as refused:
                desk.submit(numbered(-1))
            assert refused.value.reason is Reason.SERVICE_UNAVAILABLE
            assert all(isinstance(each, Outcome) for each in await all_told(asked))
            assert isinstance(await desk.ask(numbered(-1, "0.01")), Outcome)

    play(story)


def test_commands_whose_streams_are_being_fetched_count_as_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "WAITING_MAX", 50)

    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.pauses = repeat(50)
            for number in range(queue.WAITING_MAX):
                desk.submit(numbered(number, source_account_id=identity(f"cold {number}")))
            await turns(9)
            assert not desk.appender.queue.waiting
            with pytest.raises(Refused):
                desk.submit(numbered(-1))

    play(story)


def test_a_closed_queue_finishes_what_it_took_and_takes_no_more() -> None:
    async def story() -> Desk:
        async with opened() as [desk]:
            taken = [desk.submit(numbered(number)) for number in range(3)]
            desk.appender.queue.closed = True
            with pytest.raises(Refused):
                desk.submit(numbered(4))
        assert all(each.done() for each in taken)
        return desk

    assert play(story).database.names().count("TransferBooked") == 3


def test_a_rehearsed_command_is_answered_and_leaves_no_trace() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            before = len(desk.database.log)
            outcome = await desk.ask(rehearsal(), asked=Asked(rehearsed=True))
            assert outcome.position == before
            assert (len(desk.database.log), desk.database.claims) == (before, {})
            assert isinstance(await desk.ask(wish()), Outcome)
            assert isinstance(await desk.ask(process()), Outcome)

    play(story)


def test_what_changes_nothing_is_told_the_head() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            first = await desk.ask(transfer())
            again = await desk.ask(transfer())
            assert (first.position, again.position) == (len(desk.database.log),) * 2

    play(story)


def test_time_never_goes_back() -> None:
    async def story() -> None:
        async with opened(created(1_000)) as [desk]:
            desk.now = BEFORE_MIDNIGHT
            await desk.ask(process())
            desk.now = NOON
            asked = [desk.submit(numbered(1)), desk.submit(completion())]
            await all_told(asked)
            times = [each.envelope.recorded_at for each in desk.database.log]
            assert times == sorted(times)
            assert times[-1] == BEFORE_MIDNIGHT
            assert desk.database.state(f"user-{ANNA}").active

    play(story)
