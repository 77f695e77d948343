"""Laws: whatever is asked, twice is once, money is conserved, and the log is the whole truth."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import Phase, find, given, settings

from ledger.commands.bank import AddBranch, RegisterBank
from ledger.commands.command import Command
from ledger.commands.user import InvalidateSessions, SetPasswordHash
from ledger.decisions.routing import DECISIONS
from ledger.errors import Refused
from ledger.events.recorded import Actor
from ledger.times import later
from tests.builders import (
    ANNA,
    AS_ADA,
    AS_ANNA,
    SESSION,
    TOWN,
    cancel,
    closing,
    completion,
    failure,
    identity,
    log_out,
    opening,
    process,
    quoting,
    refresh,
    registration,
    rehearsal,
    reopening,
    reversal,
    session_started,
    sign_in,
    submission,
    transfer,
    transfers,
    wish,
)
from tests.ledger.books import Books
from tests.ledger.invariants import accounts_are_sound, hold
from tests.strategies import BEGINNING, OPENINGS, Step, scripts

BANK = RegisterBank(bank_id=identity("bank"), name="Gringotts", code="GRIN", country="GB")
BRANCH = AddBranch(
    bank_id=BANK.bank_id, branch_id=identity("branch"), name="Diagon Alley", country="GB"
)
TWICE: list[tuple[list[Command], Command, Actor]] = [
    ([], registration(identity("new")), AS_ADA),
    ([], InvalidateSessions(user_id=ANNA, cause="logout_all"), AS_ANNA),
    ([], SetPasswordHash(user_id=ANNA, password_hash="$new$"), AS_ADA),
    ([], sign_in(), AS_ADA),
    ([sign_in()], refresh(), AS_ADA),
    ([sign_in()], log_out(), AS_ADA),
    ([], opening(identity("new"), ANNA, opening_balance=100), AS_ADA),
    ([], transfer(), AS_ANNA),
    ([], transfers(transfer()), AS_ANNA),
    ([], quoting(), AS_ANNA),
    ([transfer()], reversal(), AS_ADA),
    ([], closing(), AS_ADA),
    ([closing()], reopening(), AS_ADA),
    ([], wish(), AS_ANNA),
    ([], rehearsal(), AS_ANNA),
    ([wish()], process(), AS_ANNA),
    ([wish()], cancel(), AS_ANNA),
    ([wish(), process()], submission(), AS_ADA),
    ([wish(), process()], completion(), AS_ADA),
    ([wish(), process()], failure(), AS_ADA),
    ([], BANK, AS_ADA),
    ([BANK], BRANCH, AS_ADA),
]


def test_every_command_is_asked_twice_below() -> None:
    assert {type(command) for _, command, _ in TWICE} == set(DECISIONS)


@pytest.mark.parametrize(("before", "command", "by"), TWICE)
def test_a_command_asked_twice_is_decided_once(
    before: list[Command], command: Command, by: Actor
) -> None:
    books = Books()
    books.happened(*TOWN)
    for each in before:
        books.ask(each, AS_ADA)
    ending = isinstance(command, InvalidateSessions)
    if ending:
        books.happened(session_started())
    session = (SESSION, 1) if ending else None
    books.ask(command, by, session=session)
    log, entries, private = len(books.log), dict(books.memory.entries), dict(books.private)
    with suppress(Refused):
        books.ask(command, by, session=session)
    assert (log, entries, private) == (len(books.log), books.memory.entries, books.private)


def town() -> Books:
    books = Books()
    books.now = BEGINNING
    for command in OPENINGS:
        books.ask(command)
    return books


def play(books: Books, step: Step) -> None:
    """Ask; what was accepted is asked again, and must change nothing."""
    books.now = later(BEGINNING, timedelta(minutes=step.minute))
    try:
        books.ask(step.command, step.by)
    except Refused:
        return
    if isinstance(step.command, InvalidateSessions):
        return  # Nobody's token outlives it: with a session the second one is refused.
    log, entries = len(books.log), dict(books.memory.entries)
    with suppress(Refused):
        books.ask(step.command, step.by)
    assert (log, entries) == (len(books.log), books.memory.entries)


@given(scripts())
def test_no_script_makes_or_loses_money_or_promises_what_is_not_there(script: list[Step]) -> None:
    books = town()
    for step in script:
        play(books, step)
        accounts_are_sound(books)
    hold(books)


@pytest.mark.parametrize(
    "kind",
    [
        "TransferBooked", "HoldCaptured", "HoldReleased", "PaymentCompleted", "PaymentFailed",
        "PaymentCancelled", "PaymentSubmitted", "UserSessionsInvalidated", "TransferReversed",
        "PaymentReversed", "FxQuoteUsed",
    ],
)  # fmt: skip
def test_the_scripts_reach_what_they_are_about(kind: str) -> None:
    def reached(script: list[Step]) -> bool:
        books = town()
        for step in script:
            play(books, step)
        return any(type(fact.event).__name__ == kind for fact in books.log)

    find(scripts(), reached, settings=settings(phases=[Phase.generate], database=None))
