"""Heavy commands share a batch with few, and a decision knows its place in the log beforehand."""

from typing import Any

import pytest
from msgspec.structs import replace

from ledger.append.batch import BATCH_MAX
from ledger.commands.asked import Outcome
from ledger.commands.transfer import MakeTransfers
from ledger.decisions.reversals import Reversal
from ledger.events.posting import PostingBooked
from tests.builders import (
    ALSO_HERS,
    ANNA,
    AS_ADA,
    HERS,
    HIS,
    identity,
    reversal,
    transfer,
    transfers,
    wish,
)
from tests.ledger.append.desk import Desk, all_told, opened, play
from tests.ledger.append.test_appender import numbered


def bulk(name: str, size: int, **fields: Any) -> MakeTransfers:
    items = [
        transfer(
            "0.01",
            transfer_id=identity(f"{name} {number}"),
            posting_id=identity(f"posting of {name} {number}"),
            **fields,
        )
        for number in range(size)
    ]
    return replace(transfers(*items), bulk_id=identity(name))


def place_of(desk: Desk, posting_id: str) -> int:
    """Return where a posting was booked."""
    return next(
        position
        for position, recorded in enumerate(desk.database.log, 1)
        if recorded.envelope.stream_id == f"posting-{posting_id}"
        and isinstance(recorded.envelope.data, PostingBooked)
    )


@pytest.mark.parametrize("contended", [False, True])
def test_a_decision_knows_the_positions_its_events_will_have(*, contended: bool) -> None:
    async def story() -> None:
        async with opened() as [desk]:
            for number in range(3):
                await desk.ask(numbered(number))
            if contended:
                desk.appender.meet_others()
            asked = []
            for number in range(3):
                asked.append(desk.submit(wish(payment_id=identity(f"payment {number}"))))
                undoing = reversal(
                    identity(f"posting {number}"), reversal_posting_id=identity(f"undone {number}")
                )
                asked.append(desk.submit(undoing, AS_ADA))
            told = await all_told(asked)
            assert desk.database.batches[-1] > 1
            for number, outcome in enumerate(told[1::2]):
                assert isinstance(outcome, Outcome)
                assert outcome.result is not None
                assert isinstance(outcome.result.state, Reversal)
                place = place_of(desk, identity(f"undone {number}"))
                assert outcome.result.state.position == place

    play(story)


@pytest.mark.parametrize("contended", [False, True])
def test_a_heavy_command_fills_a_batch(*, contended: bool) -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0, "0.01"))
            if contended:
                desk.appender.meet_others()
            bulks = [bulk(f"bulk {number}", BATCH_MAX // 2) for number in range(3)]
            told = await all_told([desk.submit(each) for each in bulks])
            assert all(isinstance(each, Outcome) for each in told)
            assert max(desk.database.batches) <= 2
            assert desk.database.state(f"account-{HIS}").balance == 3 * (BATCH_MAX // 2) + 1

    play(story)


def test_a_bulk_from_a_cold_start_is_fetched_in_a_few_rounds() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            size = 50
            there = bulk("there", size).transfers
            own = bulk("own", size, destination_account_id=ALSO_HERS).transfers
            outcome = await desk.ask(transfers(*there, *own))
            assert isinstance(outcome, Outcome)
            accounts = {f"account-{each}" for each in (HERS, HIS, ALSO_HERS)}
            assert accounts in desk.store.fetched
            assert len(desk.store.fetched) <= 3
            assert f"user-{ANNA}" in set().union(*desk.store.fetched)

    play(story)


def test_a_command_that_weighs_more_than_a_batch_is_not_kept_waiting() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            desk.appender.meet_others()
            heavy = desk.submit(bulk("heavy", BATCH_MAX + 44))
            light = [desk.submit(wish()), desk.submit(numbered(0, "0.01"))]
            told = await all_told([heavy, *light])
            assert all(isinstance(each, Outcome) for each in told)

    play(story)
