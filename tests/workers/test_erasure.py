"""What a deleted person leaves: called off, given back, closed or frozen (identity.md §7)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from typing_extensions import override

from ledger.commands.account import CloseAccount, FreezeAccount
from ledger.commands.command import Command, Context
from ledger.commands.hold import ReleaseClientHold
from ledger.commands.payment import CancelPayment
from ledger.commands.user import DeleteUser
from ledger.commands.webhook_endpoint import RemoveEndpoint
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.events.user import UserDeleted
from ledger.identity import derived_id, new_id
from projections.catalogue import ALL
from projections.runner import Runner
from schema.seals import KeyEncryptionKeys
from tests.builders import HERS, opening, registration
from tests.builders import identity as named
from tests.workers.conftest import Room
from tests.workers.specs import Process
from tests.workers.test_with_the_ledger import Bank, running_ledger
from workers.attempts import Completed, Run, attempt
from workers.books import Books, LedgerBooks, Payment
from workers.erasure import ERASURES
from workers.erasure_steps import ErasureSteps
from workers.estates import Estates, ReadEstates
from workers.jobs import Job, JobState, JobWanted
from workers.retries import Failed

USER, PAYMENT, HOLD = named("erased"), named("pending"), named("promise")
ENDPOINT = named("endpoint")
EMPTY, FULL, FROZEN = named("empty"), named("full"), named("frozen")
DELETED = UserDeleted(erasure_id=named("erasure"))


def test_a_deletion_asks_for_one_job() -> None:
    job = JobWanted(
        actor="erase_user",
        queue="default",
        subject_type="user",
        subject_id=USER,
        cause=USER,
        unique_key=f"erase_user/{USER}",
    )
    Process(ERASURES, f"user-{USER}").given().when(DELETED).then(job)


class Estate(Estates):
    """One of each and three accounts; told from the `told_at`th question on."""

    def __init__(self, told_at: int = 0) -> None:
        self.questions, self.told_at = 0, told_at

    @override
    def is_told(self, position: int) -> bool:
        self.questions += 1
        return self.questions > self.told_at

    @override
    def pending_payments(self, user_id: str) -> list[str]:
        return [PAYMENT]

    @override
    def connections(self, user_id: str) -> list[str]:
        assert user_id
        return []

    @override
    def endpoints(self, user_id: str) -> list[str]:
        assert user_id
        return [ENDPOINT]

    @override
    def client_holds(self, user_id: str) -> list[str]:
        return [HOLD]

    @override
    def accounts(self, user_id: str) -> list[str]:
        return [EMPTY, FULL, FROZEN]


class Clerk(Books):
    """Refuses what the ledger would refuse about these accounts; notes the rest."""

    def __init__(self, refusals: dict[Command, Reason]) -> None:
        self.refusals, self.done = refusals, list[Command]()

    @override
    def payment(self, payment_id: str) -> Payment:
        raise AssertionError("an erasure asks the estate")

    @override
    def handle(self, command: Command, context: Context) -> None:
        if command in self.refusals:
            raise Refused(self.refusals[command])
        self.done.append(command)


CANCEL = CancelPayment(payment_id=PAYMENT, cause="owner_deleted")
RELEASE = ReleaseClientHold(hold_id=HOLD, cause="owner_deleted")
REMOVE = RemoveEndpoint(endpoint_id=ENDPOINT)
REFUSALS: dict[Command, Reason] = {
    CloseAccount(account_id=FULL): Reason.ACCOUNT_NOT_EMPTY,
    CloseAccount(account_id=FROZEN): Reason.INVALID_ACCOUNT_TRANSITION,
}
FREEZE = FreezeAccount(account_id=FULL, reason="owner_deleted")


@pytest.fixture
def run() -> Run:
    at = datetime(2026, 3, 14, tzinfo=UTC)
    job = Job(
        id=named("job"),
        queue="default",
        actor="erase_user",
        state=JobState.EXECUTING,
        priority=5,
        attempt=1,
        max_attempts=3,
        failures=0,
        deaths=0,
        deferred_ms=0,
        subject_type="user",
        subject_id=USER,
        unique_key=None,
        correlation_id="req_test",
        causation_id=None,
        traceparent=None,
        arguments={},
        cause=USER,
        cause_position=7,
        inserted_at=at,
        scheduled_at=at,
        attempted_at=at,
        completed_at=None,
        errors=(),
    )
    return Run(job)


def test_everything_open_is_settled_in_order(run: Run) -> None:
    clerk = Clerk(REFUSALS)
    assert ErasureSteps(clerk, Estate()).settle(run) == Completed()
    assert clerk.done == [CANCEL, RELEASE, REMOVE, CloseAccount(account_id=EMPTY), FREEZE]


def test_what_somebody_else_settled_meanwhile_is_no_failure(run: Run) -> None:
    others: dict[Command, Reason] = {
        CANCEL: Reason.ALREADY_PROCESSED,
        RELEASE: Reason.HOLD_NOT_ACTIVE,
        REMOVE: Reason.WEBHOOK_ENDPOINT_NOT_FOUND,
        FREEZE: Reason.INVALID_ACCOUNT_TRANSITION,
    }
    clerk = Clerk(REFUSALS | others)
    assert ErasureSteps(clerk, Estate()).settle(run) == Completed()
    assert clerk.done == [CloseAccount(account_id=EMPTY)]


@pytest.mark.parametrize("command", [CANCEL, RELEASE, REMOVE, FREEZE])
def test_any_other_no_is_one(run: Run, command: Command) -> None:
    clerk = Clerk(REFUSALS | {command: Reason.SERVICE_UNAVAILABLE})
    with pytest.raises(Refused):
        ErasureSteps(clerk, Estate()).settle(run)


def test_read_models_are_waited_for_but_not_for_ever(run: Run) -> None:
    paused: list[float] = []
    clerk = Clerk(REFUSALS)
    assert ErasureSteps(clerk, Estate(told_at=3), paused.append).settle(run) == Completed()
    assert len(paused) == 3
    with pytest.raises(Failed) as failed:
        ErasureSteps(clerk, Estate(told_at=10_000), paused.append).settle(run)
    assert failed.value.failure.reason is Reason.PROJECTION_LAGGING
    assert 30 <= sum(paused) < 32


@pytest.fixture
def bank(database: str) -> Iterator[Bank]:
    with running_ledger(database) as ledger:
        yield Bank(database, ledger)


def told(dsn: str, estates: ReadEstates, position: int) -> None:
    """Bring the read models as far as `position`."""
    runner = Runner(dsn, ALL, KeyEncryptionKeys({"k": bytes(32)}), "erasure")
    thread = Thread(target=runner.run)
    thread.start()
    try:
        while not estates.is_told(position):
            thread.join(0.02)
    finally:
        runner.stop()
        thread.join()


def estate_of(bank: Bank, name: str) -> tuple[str, str]:
    """Let somebody join who has an account; return both ids."""
    user_id, account_id = named(name), named(f"account of {name}")
    text = Private(name, user_id)
    keys = {"email_claim": name, "data_key_id": new_id()}
    bank.ask(registration(user_id, email=text, full_name=text, **keys))
    bank.ask(opening(account_id, user_id, account_name=text))
    return user_id, account_id


def test_an_estate_is_told_by_the_read_models(bank: Bank, room: Room) -> None:
    estates = ReadEstates(room.pool)
    payment_id = bank.payment("10.00")
    started = bank.payment("20.00")
    bank.start(started)
    _, others = estate_of(bank, "dora")
    [(head,)] = bank.rows("SELECT position FROM log.head")
    assert not estates.is_told(head)
    told(bank.dsn, estates, head)
    assert not estates.is_told(head + 1)
    carol = named("carol")
    assert estates.pending_payments(carol) == [payment_id]
    assert estates.client_holds(carol) == []
    assert estates.accounts(carol) == [HERS]
    assert estates.accounts(named("dora")) == [others]


def test_an_erasure_is_carried_out_by_the_real_ledger(bank: Bank, room: Room) -> None:
    carol, estates = named("carol"), ReadEstates(room.pool)
    dora, empty = estate_of(bank, "dora")
    payment_id = bank.payment("10.00")
    steps = ErasureSteps(LedgerBooks(bank.ledger), estates)
    [actor] = steps.actors()
    for user_id in (carol, dora):
        bank.ask(delete_of(user_id))
        [(position,)] = bank.rows("SELECT position FROM log.head")
        told(bank.dsn, estates, position)
        job = room.ask("erase_user", user_id, queue="default")
        attempt(room.frame, actor, job.id)
        assert room.job(job.id).state == "completed"
        attempt(room.frame, actor, job.id)
    assert bank.status(payment_id) == "CANCELLED"
    [(position,)] = bank.rows("SELECT position FROM log.head")
    told(bank.dsn, estates, position)
    states = bank.rows("SELECT id::text, status, status_reason FROM read.accounts")
    assert sorted(states) == sorted([(HERS, "FROZEN", "owner_deleted"), (empty, "CLOSED", None)])


def delete_of(user_id: str) -> Any:
    return DeleteUser(user_id=user_id, erasure_id=derived_id("erasure", user_id))
