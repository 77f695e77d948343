"""Capturing a hold: one posting per capture, in parts or to the end (ledger.md §5.3)."""

from datetime import timedelta
from typing import Any

import pytest

from ledger.decisions.holds import HoldTold
from ledger.entries import Entry
from ledger.errors import Reason
from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    DailyUsageChanged,
    HoldCaptured,
)
from ledger.events.posting import PostingBooked
from ledger.events.recorded import Actor
from ledger.events.user import UserSuspended
from ledger.identity import numbered_id
from ledger.money import MINOR_MAX
from ledger.times import later
from tests.builders import (
    ALSO_HERS,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_BORIS,
    AS_ROBOT,
    AS_SUE,
    BORIS,
    FOREIGN,
    HERS,
    HIS,
    HOLD,
    NOON,
    OTHER_POSTING,
    POSTING,
    TODAY,
    Line,
    account,
    capturing,
    identity,
    placing,
    releasing,
    seal,
)
from tests.builders import (
    TOWN_WITH_ROBOT as TOWN,
)
from tests.ledger.decisions.faults import Fault, alone_and_in_pairs
from tests.specs import Story, Told, given

ON_HERS, ON_HIS = f"account-{HERS}", f"account-{HIS}"


def held(amount: str = "10.00", **fields: Any) -> Story:
    return given(TOWN).done(placing(amount, **fields), by=AS_ANNA)


def moved(
    amount: int, after: int, arrived: int, posting_id: str = POSTING, *, final: bool = True
) -> list[Line]:
    """Return the events of a capture from HERS to HIS."""
    out, into = numbered_id(posting_id, 1), numbered_id(posting_id, 2)
    booked = PostingBooked(
        posting_id=posting_id,
        kind="TRANSFER",
        entries=(
            Entry(entry_id=out, account_id=HERS, amount=-amount, currency="USD"),
            Entry(entry_id=into, account_id=HIS, amount=amount, currency="USD"),
        ),
        description=seal("Deposit"),
        hold_id=HOLD,
    )
    captured = HoldCaptured(hold_id=HOLD, amount=amount, posting_id=posting_id, final=final)
    debited = AccountDebited(
        posting_id=posting_id, entry_id=out, amount=amount, balance_after=after
    )
    credited = AccountCredited(
        posting_id=posting_id, entry_id=into, amount=amount, balance_after=arrived
    )
    return [
        (f"posting-{posting_id}", booked),
        (ON_HERS, captured),
        (ON_HERS, debited),
        (ON_HIS, credited),
    ]


def forgotten(amount: int) -> Line:
    return ON_HERS, DailyUsageChanged(day=TODAY, delta=-amount, cause=HOLD)


def told(outcome: Told) -> HoldTold:
    assert outcome.view is not None, outcome.refused
    state = outcome.view.state(f"hold-{HOLD}")
    assert isinstance(state, HoldTold)
    return state


def test_a_capture_moves_what_was_promised() -> None:
    outcome = held().when(capturing(), by=AS_ANNA)
    outcome.then(*moved(1_000, 99_000, 1_000))
    hold = told(outcome)
    assert (hold.status, hold.captured, hold.remaining, hold.version) == ("CAPTURED", 1_000, 0, 2)
    assert hold.posting is not None
    assert hold.posting.posting == moved(1_000, 99_000, 1_000)[0][1]
    assert outcome.books.state(ON_HERS).spent_on(TODAY) == 1_000


def test_the_posting_says_where_in_the_log_it_is() -> None:
    story = held()
    outcome = story.when(capturing(), by=AS_ANNA)
    posting = told(outcome).posting
    assert posting is not None
    assert posting.position == 1
    assert outcome.view is not None
    assert outcome.view.events[0][0] == f"posting-{POSTING}"


def test_the_rest_of_a_final_capture_is_given_back() -> None:
    outcome = held().when(capturing("4.00"), by=AS_ANNA)
    *sides, credited = moved(400, 99_600, 400)
    outcome.then(*sides, forgotten(600), credited)
    hold = told(outcome)
    assert (hold.status, hold.captured, hold.remaining) == ("CAPTURED", 400, 0)
    state = outcome.books.state(ON_HERS)
    assert (state.held, state.spent_on(TODAY)) == (0, 400)


def test_parts_are_captured_until_nothing_is_left() -> None:
    story = held()
    first = story.when(capturing("4.00", final=False), by=AS_ANNA)
    first.then(*moved(400, 99_600, 400, final=False))
    hold = told(first)
    assert (hold.status, hold.captured, hold.remaining, hold.version) == ("ACTIVE", 400, 600, 2)
    story.when(capturing("6.01", posting_id=OTHER_POSTING), by=AS_ANNA).then_refused(
        Reason.HOLD_AMOUNT_EXCEEDED, remaining="6.00", required="6.01"
    )
    last = story.when(capturing(None, posting_id=OTHER_POSTING, final=False), by=AS_ANNA)
    last.then(*moved(600, 99_000, 1_000, OTHER_POSTING))
    hold = told(last)
    assert (hold.status, hold.captured, hold.remaining, hold.version) == ("CAPTURED", 1_000, 0, 3)


def test_a_part_keeps_the_rest_of_the_day() -> None:
    story = held("800.00").done(capturing("300.00", final=False), by=AS_ANNA)
    assert story.books.state(ON_HERS).spent_on(TODAY) == 80_000
    story.done(releasing(), by=AS_ANNA)
    assert story.books.state(ON_HERS).spent_on(TODAY) == 30_000


def test_the_same_capture_is_booked_once() -> None:
    story = held().done(capturing("4.00", final=False), by=AS_ANNA)
    again = story.when(capturing("4.00", final=False), by=AS_ANNA)
    again.then_nothing()
    assert told(again).remaining == 600


def test_the_money_goes_where_the_hold_says_unless_told_otherwise() -> None:
    agreed = held(destination_account_id=HIS)
    agreed.when(capturing(destination_account_id=None), by=AS_ANNA).then(
        *moved(1_000, 99_000, 1_000)
    )
    other = held(destination_account_id=HIS).when(
        capturing(destination_account_id=ALSO_HERS), by=AS_ANNA
    )
    assert other.lines[-1][0] == f"account-{ALSO_HERS}"
    held().when(capturing(destination_account_id=None), by=AS_ANNA).then_refused(
        Reason.MISSING_FIELDS, field="destination_account_id"
    )


@pytest.mark.parametrize("actor", [AS_ADA, AS_ROBOT])
def test_an_admin_or_a_service_captures_for_others(actor: Actor) -> None:
    assert held().when(capturing(), by=actor).refused is None


@pytest.mark.parametrize("actor", [AS_SUE, AS_BORIS, AS_AUDREY])
def test_nobody_else_captures(actor: Actor) -> None:
    held().when(capturing(), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_the_owner_of_the_account_does_not_capture_what_an_admin_placed() -> None:
    story = given(TOWN).done(placing(), by=AS_ADA)
    story.when(capturing(), by=AS_ANNA).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_a_promise_is_kept_though_the_owner_was_suspended() -> None:
    story = held().happened((f"user-{ANNA}", UserSuspended()))
    assert story.when(capturing(), by=AS_ADA).refused is None


def test_a_full_destination_leaves_the_hold_as_it_was() -> None:
    full = [line for line in TOWN if line[0] != ON_HIS]
    full += account(HIS, BORIS, balance=MINOR_MAX)
    story = given(full).done(placing(), by=AS_ANNA)
    story.when(capturing(), by=AS_ANNA).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)
    assert story.books.state(ON_HERS).held == 1_000


OUTSIDE = identity("outside")
ORDER = [
    Fault(Reason.HOLD_NOT_FOUND, {"hold_id": identity("no hold")}),
    Fault(Reason.ACCOUNT_NOT_FOUND, {"destination_account_id": identity("nowhere")}),
    Fault(Reason.INSUFFICIENT_PERMISSIONS, by=AS_BORIS),
    Fault(Reason.VERSION_CONFLICT, if_match=(7,)),
    Fault(Reason.HOLD_NOT_ACTIVE, {"hold_id": identity("released")}),
    Fault(Reason.SAME_ACCOUNT_TRANSFER, {"destination_account_id": HERS}),
    Fault(Reason.CURRENCY_MISMATCH, {"destination_account_id": FOREIGN}),
    Fault(Reason.RAIL_UNAVAILABLE, {"destination_account_id": OUTSIDE}),
    Fault(Reason.INVALID_AMOUNT_FORMAT, {"amount": "1.001"}),
    Fault(Reason.HOLD_AMOUNT_EXCEEDED, {"amount": "10.01"}),
]


@pytest.mark.parametrize("fault", alone_and_in_pairs(ORDER))
def test_the_first_fault_is_told(fault: Fault) -> None:
    outside = account(OUTSIDE, ANNA, bank_connection_id=identity("linked"))
    released = identity("released")
    story = given(TOWN, outside).done(
        placing(), placing("1.00", released), releasing(released), by=AS_ANNA
    )
    asked = capturing(**fault.fields)
    told = story.when(asked, by=fault.by or AS_ANNA, if_match=fault.if_match)
    told.then_refused(fault.reason)


def test_what_is_over_is_told_before_what_is_wrong_with_the_amount() -> None:
    story = held().at(later(NOON, timedelta(hours=1)))
    outcome = story.when(capturing("10.01", destination_account_id=HERS), by=AS_ANNA)
    outcome.told(Reason.HOLD_NOT_ACTIVE, status="EXPIRED")
