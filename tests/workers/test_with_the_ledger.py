"""The whole room on the real ledger: what people ask for on one side, books on the other."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from ledger.application import Ledger
from ledger.commands.command import Command, Context
from ledger.commands.job import CancelJob, JobFacts, RetryDeadLetter
from ledger.commands.payment import CancelPayment, ProcessPayment
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM, Actor
from ledger.identity import derived_id, new_id
from ledger.times import utc_text
from projections.catalogue import BY_NAME
from projections.runner import Runner
from schema.bell import Bell
from schema.codec import decode_envelope
from schema.postgres import connect, open_pool
from schema.seals import KeyEncryptionKeys
from schema.store import LogStore
from schema.vault import KeyVault
from tests.builders import ALSO_HERS, HERS, RULES, opening, placing, registration, wish
from tests.builders import identity as named
from tests.workers.conftest import Room
from tests.workers.log import names
from workers import due_holds, due_payments
from workers.attempts import Actor as WorkActor
from workers.attempts import attempt
from workers.books import LedgerBooks
from workers.broker import Broker, build_broker
from workers.database import open_pool as open_blocking_pool
from workers.desk import DESK
from workers.due_holds import DueHolds
from workers.due_payments import DuePayments
from workers.jobs import Job, JobState, job_id
from workers.payment_steps import PaymentSteps
from workers.payments import PAYMENTS
from workers.rails.book import BookRail
from workers.relay import Relay
from workers.run import QUEUES, Parts, run

CAROL = named("carol")
AS_CAROL = Actor(type="user", id=CAROL, role="user")


class Bank:
    """A started ledger with one customer, who has 100.00 USD on her account."""

    def __init__(self, dsn: str, ledger: Ledger) -> None:
        self.dsn, self.ledger = dsn, ledger
        self.steps = PaymentSteps(LedgerBooks(ledger), {"book": BookRail()})
        name = Private("Carol", CAROL)
        self.ask(registration(CAROL, email=name, full_name=name, data_key_id=new_id()))
        self.ask(opening(HERS, CAROL, account_name=name, opening_balance=10_000))

    def ask(self, command: Command, by: Actor = SYSTEM) -> Any:
        context = Context(actor=by, correlation_id=f"req_{new_id()}")
        return self.ledger.handle_blocking(command, context)

    def payment(self, amount: str, **fields: Any) -> str:
        payment_id = new_id()
        text = Private(f"payment {payment_id}", CAROL)
        self.ask(wish(amount, payment_id=payment_id, description=text, **fields), AS_CAROL)
        return payment_id

    def start(self, payment_id: str) -> None:
        self.ask(ProcessPayment(payment_id=payment_id), AS_CAROL)

    def status(self, payment_id: str) -> str:
        return self.steps.books.payment(payment_id).status

    def money(self) -> tuple[int, int]:
        """Return balance and held amount, in minor units."""
        state = self.ledger.current_blocking(f"account-{HERS}").state
        return state.balance, state.held

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode(), values).fetchall()


@contextmanager
def running_ledger(dsn: str) -> Iterator[Ledger]:
    """Run a ledger on an event loop in a thread of its own, with its bell."""
    ready: Future[tuple[Ledger, asyncio.Event, asyncio.AbstractEventLoop]] = Future()

    async def live() -> None:
        pool = await open_pool(dsn, 4, "ledgerbank_app")
        vault = KeyVault(pool, KeyEncryptionKeys({"k": bytes(32)}), bytes(32))
        environment = {
            "PERSISTENCE_MODULE": "schema.recorder",
            "MAPPER_TOPIC": "schema.codec:EventCodec",
            "LEDGER_DSN": dsn,
        }
        store, bell, stop = LogStore(dsn, pool), Bell(dsn), asyncio.Event()
        ledger = Ledger(environment, store, vault, RULES)
        await ledger.start(committed=bell.ring)
        ringing = asyncio.create_task(bell.run())
        ready.set_result((ledger, stop, asyncio.get_running_loop()))
        await stop.wait()
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)
        await ledger.stop()
        await store.close()
        await pool.close()

    thread = Thread(target=lambda: asyncio.run(live()))
    thread.start()
    ledger, stop, loop = ready.result(timeout=20)
    yield ledger
    loop.call_soon_threadsafe(stop.set)
    thread.join()


@contextmanager
def running_worker(bank: Bank, redis: str) -> Iterator[None]:
    stop = Event()
    with open_blocking_pool(bank.dsn, 6) as pool:
        parts = Parts(
            pool=pool,
            connect=lambda: connect(bank.dsn, "ledgerbank_app"),
            broker=build_broker(redis),
            actors=bank.steps.actors(),
            managers=[PAYMENTS],
            decode=decode_envelope,
            chance=lambda _below: 0,
            holder="test",
            queues=QUEUES,
        )
        thread = Thread(target=run, args=(parts, stop))
        thread.start()
        yield
        stop.set()
        thread.join()


def sweepers(bank: Bank, room: Room) -> dict[str, WorkActor]:
    return {
        actor.name: actor
        for actor in (
            DuePayments(room.pool, room.clock).actor(),
            DueHolds(room.pool, room.clock, bank.steps.books).actor(),
        )
    }


@pytest.fixture
def bank(database: str) -> Iterator[Bank]:
    with running_ledger(database) as ledger:
        yield Bank(database, ledger)


@pytest.fixture
def working(bank: Bank, valkey: str, broker: Broker) -> Iterator[Bank]:
    assert broker.client.ping()
    with running_worker(bank, valkey):
        yield bank


def eventually(question: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not question():
        assert time.monotonic() < until, "it never came to pass"
        time.sleep(0.01)


def test_a_payment_moves_from_hold_to_books(working: Bank) -> None:
    payment_id = working.payment("25.00")
    assert working.money() == (10_000, 0)
    working.start(payment_id)
    eventually(lambda: working.status(payment_id) == "COMPLETED")
    assert working.money() == (7_500, 0)
    posting = derived_id("posting", payment_id)
    assert names(working.dsn, f"posting-{posting}") == ["PostingBooked"]


def test_all_events_of_a_payment_belong_to_the_story_of_the_request(working: Bank) -> None:
    payment_id = working.payment("25.00")
    working.start(payment_id)
    eventually(lambda: working.status(payment_id) == "COMPLETED")
    stories = working.rows(STORIES, f"payment-{payment_id}")
    assert len(stories) == 4
    assert stories[1][0] == stories[2][0] == stories[3][0] != stories[0][0]
    cause = working.rows(CAUSE, f"payment-{payment_id}")
    assert cause == [(stories[1][1], stories[1][1])]


def test_an_auto_payment_needs_nobody(working: Bank) -> None:
    payment_id = working.payment("10.00", processing="auto")
    eventually(lambda: working.status(payment_id) == "COMPLETED")
    assert working.money() == (9_000, 0)


def test_an_auto_payment_without_funds_fails_with_one_dead_letter(working: Bank) -> None:
    payment_id = working.payment("150.00", processing="auto")
    eventually(lambda: working.rows("SELECT FROM work.dead_letters"))
    assert working.status(payment_id) == "FAILED"
    assert working.rows("SELECT actor, reason, attempts FROM work.dead_letters") == [
        ("start_payment", "insufficient_funds", 1)
    ]
    assert working.rows("SELECT actor FROM work.jobs") == [("start_payment",)]


def relayed(room: Room) -> None:
    """Follow the log to its end."""
    relay = Relay(
        pool=room.pool,
        clock=room.clock,
        decode=decode_envelope,
        managers=[PAYMENTS, DESK],
        holder="t",
    )
    token = relay.acquire()
    assert token is not None
    while relay.turn(token):
        pass
    relay.release(token)
    room.clock.pass_ms(1)


def swept(bank: Bank, room: Room, name: str) -> None:
    job = room.ask(name, f"{name} {new_id()}", queue="default")
    attempt(room.frame, sweepers(bank, room)[name], job.id)
    assert room.job(job.id).state == "completed"


def tomorrow(room: Room, hours: int = 24) -> str:
    return utc_text(room.clock.now + timedelta(hours=hours))


def test_a_payment_with_a_date_starts_when_it_has_come(bank: Bank, room: Room) -> None:
    late = bank.payment("10.00", scheduled_at=tomorrow(room), priority=3)
    urgent = bank.payment("10.00", scheduled_at=tomorrow(room))
    later = bank.payment("10.00", scheduled_at=tomorrow(room, 48))
    plain = bank.payment("10.00")
    relayed(room)
    swept(bank, room, "start_due_payments")
    assert bank.rows("SELECT FROM work.jobs WHERE actor = 'start_payment'") == []
    room.clock.pass_ms(24 * 3_600_000)
    swept(bank, room, "start_due_payments")
    swept(bank, room, "start_due_payments")
    wanted = bank.rows(STARTS)
    assert wanted == [(urgent, 0, True), (late, 3, True)]
    actors = {actor.name: actor for actor in bank.steps.actors()}
    for payment_id in (late, urgent):
        attempt(room.frame, actors["start_payment"], job_id("start_payment", payment_id))
        assert bank.status(payment_id) == "PROCESSING"
        assert bank.rows(TRIGGER, f"payment-{payment_id}") == [("schedule",)]
    assert [bank.status(each) for each in (later, plain)] == ["PENDING", "PENDING"]


def test_a_date_that_comes_to_nothing_is_a_dead_letter(bank: Bank, room: Room) -> None:
    dear = bank.payment("150.00", scheduled_at=tomorrow(room))
    gone = bank.payment("10.00", scheduled_at=tomorrow(room))
    early = bank.payment("10.00", scheduled_at=tomorrow(room))
    bank.ask(CancelPayment(payment_id=gone), AS_CAROL)
    bank.start(early)
    relayed(room)
    room.clock.pass_ms(24 * 3_600_000)
    swept(bank, room, "start_due_payments")
    assert [subject for subject, _, _ in bank.rows(STARTS)] == [dear]
    actors = {actor.name: actor for actor in bank.steps.actors()}
    attempt(room.frame, actors["start_payment"], job_id("start_payment", dear))
    assert (bank.status(dear), bank.money()) == ("FAILED", (10_000, 1_000))
    [(letter, *told)] = bank.rows("SELECT id::text, reason, attempts FROM work.dead_letters")
    assert told == ["insufficient_funds", 1]
    with pytest.raises(Refused) as refusal:
        bank.ask(retrying(bank, letter))
    assert refusal.value.reason is Reason.ALREADY_PROCESSED


def test_many_due_payments_are_asked_for_in_batches(
    bank: Bank, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_payments, "BATCH", 2)
    wanted = {bank.payment("1.00", scheduled_at=tomorrow(room)) for _ in range(5)}
    relayed(room)
    room.clock.pass_ms(24 * 3_600_000)
    swept(bank, room, "start_due_payments")
    assert {subject for subject, _, _ in bank.rows(STARTS)} == wanted


def test_holds_that_are_over_are_recorded_account_by_account(
    bank: Bank, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_holds, "BATCH", 1)
    name = Private("Carol", CAROL)
    bank.ask(opening(ALSO_HERS, CAROL, account_name=name, opening_balance=10_000))
    text = Private("Deposit", CAROL)
    for account_id, seconds in ((HERS, 1), (HERS, 1), (HERS, 3_600), (ALSO_HERS, 1)):
        asked = placing("10.00", new_id(), account_id=account_id, description=text)
        bank.ask(replace(asked, expires_in_seconds=seconds), AS_CAROL)
    projected(bank)
    swept(bank, room, "expire_holds")
    assert bank.money() == (10_000, 3_000)
    room.clock.pass_ms(60_000)
    time.sleep(1)
    swept(bank, room, "expire_holds")
    assert bank.money() == (10_000, 1_000)
    for account_id, expected in ((HERS, 2), (ALSO_HERS, 1)):
        ends = [each for each in names(bank.dsn, f"account-{account_id}") if each == "HoldExpired"]
        assert len(ends) == expected
    before = bank.rows("SELECT position FROM log.head")
    swept(bank, room, "expire_holds")
    assert bank.rows("SELECT position FROM log.head") == before


def projected(bank: Bank) -> None:
    """Fold the accounts' read model up to the head."""
    keks = KeyEncryptionKeys({"k": bytes(32)})
    runner = Runner(bank.dsn, [BY_NAME["accounts"]], keks, "test")
    thread = Thread(target=runner.run)
    thread.start()
    eventually(lambda: bank.rows(IN_STEP))
    runner.stop()
    thread.join()


def test_cancelling_the_job_gives_the_hold_back(bank: Bank, room: Room) -> None:
    payment_id = bank.payment("25.00")
    bank.start(payment_id)
    assert bank.money() == (10_000, 2_500)
    actors = {actor.name: actor for actor in bank.steps.actors()}
    relayed(room)
    job = room.job(job_id("process_payment", payment_id))
    bank.ask(cancelling(job))
    relayed(room)
    assert room.job(job.id).state is JobState.CANCELLED
    assert (bank.status(payment_id), bank.money()) == ("FAILED", (10_000, 0))
    attempt(room.frame, actors[job.actor], job_id("process_payment", payment_id))
    assert bank.status(payment_id) == "FAILED"


def cancelling(job: Job) -> CancelJob:
    facts = JobFacts(
        state=job.state,
        actor=job.actor,
        subject_type="payment",
        subject_id=job.subject_id,
    )
    return CancelJob(job_id=job.id, facts=facts)


def retrying(bank: Bank, letter_id: str) -> RetryDeadLetter:
    [(job_id, actor, subject)] = bank.rows(LETTER, letter_id)
    return RetryDeadLetter(
        dead_letter_id=letter_id,
        job_id=job_id,
        retried_job_id=derived_id("job", actor, letter_id),
        facts=JobFacts(state="discarded", actor=actor, subject_type="payment", subject_id=subject),
    )


def test_an_unknown_payment_is_refused(bank: Bank) -> None:
    with pytest.raises(Refused) as refusal:
        bank.steps.books.payment(new_id())
    assert refusal.value.reason is Reason.PAYMENT_NOT_FOUND


LETTER = "SELECT job_id::text, actor, subject_id FROM work.dead_letters WHERE id = %s"
STARTS = """
SELECT subject_id, priority, correlation_id = (
    SELECT correlation_id FROM log.events WHERE stream_id = 'payment-' || subject_id AND version = 1
)
FROM work.jobs WHERE actor = 'start_payment' ORDER BY priority
"""
TRIGGER = """
SELECT convert_from(data, 'UTF8')::jsonb #>> '{data,trigger}' FROM log.events
WHERE stream_id = %s AND name = 'PaymentProcessingStarted'
"""
IN_STEP = """
SELECT FROM read.checkpoints, log.head
WHERE projection = 'accounts' AND checkpoints.position = head.position
"""
STORIES = """
SELECT correlation_id, event_id::text FROM log.events WHERE stream_id = %s ORDER BY version
"""
CAUSE = """
SELECT DISTINCT
    convert_from(data, 'UTF8')::jsonb #>> '{metadata,causation_id}',
    (SELECT causation_id FROM work.jobs)
FROM log.events
WHERE stream_id = %s AND version > 2
"""
