"""Positions: what a decision says about where its events will lie is where they lie."""

from itertools import cycle

import pytest

from ledger.commands.asked import Outcome
from ledger.commands.command import Command
from ledger.errors import Reason
from tests.builders import AS_ANNA, AS_BORIS, capturing, identity, placing, transfer
from tests.ledger.append.desk import all_told, keyed, opened, play


@pytest.mark.parametrize("desks", [1, 2])
def test_a_posting_lies_where_its_capture_said(desks: int) -> None:
    """In one batch with others, that are refused or not, and in turns with another process."""

    async def story() -> None:
        ways = [cycle([1]), cycle([3])]
        async with opened(desks=desks, pauses=lambda number: ways[number]) as open_desks:
            first, last = open_desks[0], open_desks[-1]
            assert isinstance(await first.ask(placing("90.00")), Outcome)
            asked, others = [], []
            for number in range(12):
                desk = (first, last)[number % 2]
                key = keyed(f"key {number}")
                asked.append(desk.submit(capture(number), AS_ANNA, key))
                his = keyed(f"his {number}", scope="user:boris")
                others.append(desk.submit(capture(number), AS_BORIS, his))
                posting_id, transfer_id = identity(f"p {number}"), identity(f"t {number}")
                moved = transfer("1.00", posting_id=posting_id, transfer_id=transfer_id)
                others.append(desk.submit(moved, AS_ANNA))
            told = await all_told(asked)
            assert Reason.INSUFFICIENT_PERMISSIONS in await all_told(others)
            log = first.database.log
            for outcome in told:
                assert isinstance(outcome, Outcome), outcome
                assert outcome.result is not None
                posting = outcome.result.state.posting
                assert log[posting.position - 1].event == posting.posting
            assert len(first.database.batches) < 24, "several commands were one batch"

    def capture(number: int) -> Command:
        posting_id = identity(f"capture {number}")
        return capturing("1.00", posting_id=posting_id, final=False)

    play(story)
