"""Laws: whatever is asked, twice is once, money is conserved, and the log is the whole truth."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import Phase, find, given, settings

from ledger.commands.account import (
    ActivateAccount,
    CloseAccount,
    DeactivateAccount,
    FreezeAccount,
    RenameAccount,
    SetLimits,
    UnfreezeAccount,
)
from ledger.commands.announcement import AnnounceMaintenance
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.bank import AddBranch, RegisterBank, UpdateBank
from ledger.commands.command import Command
from ledger.commands.connection import RequestConnection
from ledger.commands.hold import ExpireHolds
from ledger.commands.job import CancelJob, JobFacts, RetryDeadLetter
from ledger.commands.projection import RequestRebuild
from ledger.commands.service_account import DisableServiceAccount
from ledger.commands.session import CloseSession
from ledger.commands.user import (
    ChangeRole,
    DeleteUser,
    InvalidateSessions,
    ReactivateUser,
    SetPassword,
    SetPasswordHash,
    SuspendUser,
    UpdateProfile,
    UpdateUser,
)
from ledger.commands.webhook_endpoint import (
    DisableEndpoint,
    PingEndpoint,
    RegisterEndpoint,
    RemoveEndpoint,
    RotateSecret,
    UpdateEndpoint,
)
from ledger.decisions.routing import DECISIONS
from ledger.errors import Refused
from ledger.events.audit import TokenRejected
from ledger.events.recorded import SYSTEM, Actor
from ledger.times import later
from tests.builders import (
    ADA,
    ALSO_HERS,
    ANNA,
    AS_ADA,
    AS_ANNA,
    HERS,
    NOON,
    ROBOT,
    SECOND,
    SESSION,
    TOWN,
    cancel,
    capturing,
    closing,
    completion,
    edit,
    failure,
    identity,
    log_out,
    new_key,
    new_machine,
    opening,
    placing,
    process,
    quoting,
    refresh,
    registration,
    rehearsal,
    releasing,
    reopening,
    reversal,
    seal,
    session_started,
    sign_in,
    submission,
    transfer,
    transfers,
    wish,
)
from tests.ledger.banking import ABOUT_OUTSIDE_BANKS
from tests.ledger.books import Books
from tests.ledger.invariants import accounts_are_sound, hold
from tests.strategies import BEGINNING, OPENINGS, Step, scripts

BANK = RegisterBank(bank_id=identity("bank"), name="Gringotts", code="GRIN", country="GB")
BRANCH = AddBranch(
    bank_id=BANK.bank_id, branch_id=identity("branch"), name="Diagon Alley", country="GB"
)
FREEZE = FreezeAccount(account_id=HERS, reason="lost card")
NAMED = seal("Anna Another")
SUSPEND = SuspendUser(user_id=ANNA)
SET_PASSWORD = SetPassword(
    user_id=ANNA, password_hash="$new$", session_id=identity("fresh"), jti=SECOND, expires_at=NOON
)
ENDS_SESSIONS = (SetPassword,)
"""A second time nobody's token is left to ask with."""
DENIED = RecordSecurityEvent(event=TokenRejected(outcome="denied"), quiet_about="somebody")
WORK = JobFacts(state="available", actor="erase_user", subject_type="user", subject_id=ANNA)
CANCEL_JOB = CancelJob(job_id=identity("job"), facts=WORK)
RETRY = RetryDeadLetter(
    dead_letter_id=identity("letter"),
    job_id=identity("job"),
    retried_job_id=identity("another job"),
    facts=WORK,
)
HOOK = identity("endpoint")
ENDPOINT = RegisterEndpoint(
    endpoint_id=HOOK,
    user_id=ADA,
    url="https://example.com/hook",
    event_types=("payment.updated",),
    scope="own",
    description=None,
    secret_id=identity("first"),
)
ANNOUNCEMENT = AnnounceMaintenance(announcement_id=identity("announcement"), message="Soon.")
REBUILD = RequestRebuild(
    projection="users", rebuild_id=identity("rebuild"), under_way=False, requests=0
)
TWICE: list[tuple[list[Command], Command, Actor]] = [
    ([], registration(identity("new")), AS_ADA),
    ([], InvalidateSessions(user_id=ANNA, cause="logout_all", session_version=1), AS_ADA),
    ([], SetPasswordHash(user_id=ANNA, password_hash="$new$"), AS_ADA),
    ([], UpdateUser(user_id=ANNA, full_name=NAMED, verified=True), AS_ADA),
    ([], UpdateProfile(user_id=ANNA, full_name=NAMED), AS_ANNA),
    ([], ChangeRole(user_id=ANNA, role="support"), AS_ADA),
    ([], SUSPEND, AS_ADA),
    ([SUSPEND], ReactivateUser(user_id=ANNA), AS_ADA),
    ([], SET_PASSWORD, AS_ANNA),
    ([], DeleteUser(user_id=ANNA, erasure_id=identity("erasure")), AS_ADA),
    ([], sign_in(), AS_ADA),
    ([sign_in()], refresh(), AS_ADA),
    ([sign_in()], log_out(), AS_ADA),
    ([sign_in()], CloseSession(session_id=SESSION), AS_ANNA),
    ([], new_machine(), AS_ADA),
    ([new_machine()], new_key(), AS_ADA),
    ([new_machine()], DisableServiceAccount(service_id=ROBOT), AS_ADA),
    ([], opening(identity("new"), ANNA, opening_balance=100), AS_ADA),
    ([], RenameAccount(account_id=HERS, account_name=seal("Rainy days")), AS_ANNA),
    ([], SetLimits(account_id=HERS, daily_limit="5.00", single_limit=None), AS_ADA),
    ([], FREEZE, AS_ADA),
    ([FREEZE], UnfreezeAccount(account_id=HERS, reason="found"), AS_ADA),
    ([], DeactivateAccount(account_id=HERS), AS_ANNA),
    ([DeactivateAccount(account_id=HERS)], ActivateAccount(account_id=HERS), AS_ANNA),
    ([], CloseAccount(account_id=ALSO_HERS), AS_ANNA),
    ([], transfer(), AS_ANNA),
    ([], transfers(transfer()), AS_ANNA),
    ([], quoting(), AS_ANNA),
    ([transfer()], reversal(), AS_ADA),
    ([], closing(), AS_ADA),
    ([closing()], reopening(), AS_ADA),
    ([], wish(), AS_ANNA),
    ([], rehearsal(), AS_ANNA),
    ([wish()], edit(description=seal("Other")), AS_ANNA),
    ([wish()], process(), AS_ANNA),
    ([wish()], cancel(), AS_ANNA),
    ([wish(), process()], submission(), AS_ADA),
    ([wish(), process()], completion(), AS_ADA),
    ([wish(), process()], failure(), AS_ADA),
    ([], placing(), AS_ANNA),
    ([placing()], capturing("4.00", final=False), AS_ADA),
    ([placing()], capturing(), AS_ADA),
    ([placing()], releasing(), AS_ADA),
    ([placing()], ExpireHolds(account_id=HERS), AS_ADA),
    ([], BANK, AS_ADA),
    ([BANK], BRANCH, AS_ADA),
    ([BANK], UpdateBank(bank_id=BANK.bank_id, changes={"name": "Vaults"}), AS_ADA),
    ([], ENDPOINT, AS_ADA),
    ([ENDPOINT], UpdateEndpoint(endpoint_id=HOOK, url="https://example.com/other"), AS_ADA),
    ([ENDPOINT], RotateSecret(endpoint_id=HOOK, secret_id=identity("second")), AS_ADA),
    ([ENDPOINT], PingEndpoint(endpoint_id=HOOK, delivery_id=identity("ping")), AS_ADA),
    ([ENDPOINT], DisableEndpoint(endpoint_id=HOOK, cause="gone"), AS_ADA),
    ([ENDPOINT], RemoveEndpoint(endpoint_id=HOOK), AS_ADA),
    ([], ANNOUNCEMENT, AS_ADA),
    ([], REBUILD, AS_ADA),
    ([], CANCEL_JOB, AS_ADA),
    ([], RETRY, AS_ADA),
    ([], DENIED, AS_ANNA),
    *ABOUT_OUTSIDE_BANKS,
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
        books.ask(each, SYSTEM if isinstance(each, RequestConnection) else AS_ADA)
    ending = isinstance(command, ENDS_SESSIONS)
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
        "TransferBooked", "HoldCaptured", "HoldReleased", "HoldExpired", "PaymentCompleted",
        "PaymentFailed", "PaymentEdited", "PaymentCancelled", "PaymentSubmitted",
        "UserSessionsInvalidated", "TransferReversed",
        "PaymentReversed", "FxQuoteUsed", "AccountClosed", "AccountFrozen",
    ],
)  # fmt: skip
def test_the_scripts_reach_what_they_are_about(kind: str) -> None:
    def reached(script: list[Step]) -> bool:
        books = town()
        for step in script:
            play(books, step)
        return any(type(fact.event).__name__ == kind for fact in books.log)

    find(scripts(), reached, settings=settings(phases=[Phase.generate], database=None))
