"""Settings → one worker process (relay, jobs, actors, a ledger of its own), or one scheduler."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Optional

from ledger.application import Ledger
from ledger.errors import Reason, Refused
from ops.bank_work import Outside
from ops.banking import open_banks
from ops.composition import open_books
from ops.mailing import mail_actor
from ops.processes import process_name
from ops.readmodels import keks_of, making
from ops.sealing import signer
from ops.settings import Settings
from ops.telling import Tell, telling
from schema.codec import decode_envelope
from schema.postgres import connect
from schema.webhook_secrets import WebhookSecrets
from workers import bank_schedules, due_holds, due_payments, purges
from workers.attempts import Actor
from workers.bank_process import BANKS, SYNC, failed_sync
from workers.books import LedgerBooks
from workers.broker import build_broker
from workers.courier import Courier
from workers.crashpoints import CrashPoint, harmless
from workers.database import Pool, database_clock, open_pool
from workers.desk import DESK
from workers.due_holds import DueHolds
from workers.due_payments import DuePayments
from workers.erasure import ERASURES
from workers.erasure_steps import ErasureSteps
from workers.estates import ReadEstates
from workers.figures import Figures
from workers.mails import MAILS
from workers.obituaries import Obituaries
from workers.payment_steps import PaymentSteps
from workers.payments import Patience, payments_with
from workers.presence import Presence
from workers.purges import Kept, Purges
from workers.rails.book import BookRail
from workers.rebuilds import REBUILDS, Rebuilding
from workers.retries import RetryRules
from workers.run import Parts, run
from workers.schedule import Entry, Scheduler
from workers.sealing import Sealing
from workers.settlements import Settlements
from workers.spans import UNTRACED, Spans
from workers.webhooks import Webhooks

if TYPE_CHECKING:
    from ops.tracing.tracer import Tracer

THREADS_BESIDE_JOBS = 6
MANAGERS = (ERASURES, DESK, BANKS, REBUILDS, MAILS)


@contextmanager
def ledger_thread(
    settings: Settings, dsn: str, tracer: Optional["Tracer"] = None
) -> Iterator[Ledger]:
    """Run a ledger on an event loop in a thread of its own for the length of the block."""
    loop, ended = asyncio.new_event_loop(), asyncio.Event()
    started: list[Ledger] = []
    ready = Event()

    async def live() -> None:
        async with open_books(settings, dsn, tracer) as books:
            started.append(books.ledger)
            ready.set()
            await ended.wait()

    def run_loop() -> None:
        try:
            loop.run_until_complete(live())
        finally:
            ready.set()

    thread = Thread(target=run_loop, name="ledger")
    thread.start()
    ready.wait()
    try:
        if not started:
            raise Refused(Reason.SERVICE_UNAVAILABLE)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def work(  # noqa: PLR0913  # what a worker process is made of
    settings: Settings,
    dsn: str,
    redis_url: str,
    queues: tuple[str, ...],
    stop: Event,
    *,
    crashpoint: CrashPoint = harmless,
    tracer: Optional["Tracer"] = None,
) -> None:
    """Follow the log and work on jobs until `stop`."""
    concurrency, spans = concurrency_of(settings, queues), tracer or UNTRACED
    threads = sum(concurrency.values()) + THREADS_BESIDE_JOBS
    with (
        open_pool(dsn, threads) as pool, ledger_thread(settings, dsn, tracer) as ledger,
        open_banks(settings, redis_url, spans) as ports, telling(settings, dsn) as tell,
        beside(pool) as figures,
    ):  # fmt: skip
        books = LedgerBooks(ledger)
        outside = Outside(settings, pool, ledger, ports, crashpoint)
        letters = letters_out(settings, pool, ledger, tell, spans)
        sealing = sealing_of(settings, pool)
        own = (sealing.actor(), Rebuilding(making(settings, dsn), books).actor())
        parts = Parts(
            pool=pool,
            connect=partial(connect, dsn, "ledgerbank_app"),
            broker=build_broker(redis_url),
            actors=(*actors_of(settings, pool, books, outside), *own, *letters),
            managers=(payments_with(patience_of(settings)), *MANAGERS),
            decode=decode_envelope,
            chance=secrets.randbelow,
            holder=process_name(),
            queues=concurrency,
            rules=rules_of(settings),
            crashpoint=crashpoint,
            count=figures.count,
            spans=spans,
            chores=(obituaries_of(pool, ledger).tell, sealing.ask_when_grown),
        )
        run(parts, stop)


@contextmanager
def beside(pool: Pool) -> Iterator[Figures]:
    """Run what is done beside jobs: write down what endpoints are to be told, add up figures."""
    ended, figures = Event(), Figures(pool)
    courier = Courier(pool, database_clock)
    threads = [
        Thread(target=each.run, args=(ended,), name=type(each).__name__.lower())
        for each in (courier, figures)
    ]
    for thread in threads:
        thread.start()
    try:
        yield figures
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def obituaries_of(pool: Pool, ledger: Ledger) -> Obituaries:
    """Return what tells of dead letters, and ends what they left open."""
    return Obituaries(pool, ledger.handle_blocking, {SYNC: failed_sync})


def letters_out(
    settings: Settings, pool: Pool, ledger: Ledger, tell: Tell, spans: Spans
) -> tuple[Actor, ...]:
    """Return the kinds of work that tell people and their programs."""
    webhooks = webhooks_of(settings, pool, LedgerBooks(ledger), tell, spans)
    return mail_actor(settings, pool, ledger, spans), webhooks.actor()


def webhooks_of(
    settings: Settings, pool: Pool, books: LedgerBooks, tell: Tell, spans: Spans
) -> Webhooks:
    """Return what sends webhooks."""
    return Webhooks(
        pool=pool,
        clock=database_clock,
        books=books,
        tell=tell,
        secrets=WebhookSecrets(settings.core.index_key, keks_of(settings)),
        private=settings.jobs.webhook_allow_private,
        spans=spans,
    )


def concurrency_of(settings: Settings, queues: tuple[str, ...]) -> dict[str, int]:
    """Return how many jobs of each of `queues` (none named: all) are worked on at once."""
    configured = settings.jobs.queues.items()
    return {name: threads for name, threads in configured if not queues or name in queues}


def actors_of(
    settings: Settings, pool: Pool, books: LedgerBooks, outside: Outside
) -> tuple[Actor, ...]:
    """Return every kind of work that stays in the house or goes to banks."""
    return (
        *outside.actors,
        *PaymentSteps(books, {"book": BookRail(), **outside.rails}).actors(),
        *ErasureSteps(books, ReadEstates(pool)).actors(),
        *Purges(pool, database_clock, kept_by(settings)).actors(),
        DuePayments(pool, database_clock).actor(),
        DueHolds(pool, database_clock, books).actor(),
        settlements_of(settings, pool).actor(),
    )


def kept_by(settings: Settings) -> Kept:
    """Return how long what is kept for a while only is kept."""
    return Kept(
        answers=timedelta(hours=settings.http.idempotency_ttl_hours),
        jobs=timedelta(days=settings.jobs.job_retention_days),
    )


def settlements_of(settings: Settings, pool: Pool) -> Settlements:
    """Return what asks about payments that their rails have accepted."""
    return Settlements(pool, database_clock, settings.money.rail_poll_seconds)


def patience_of(settings: Settings) -> Patience:
    """Return how long rails that settle later are waited for."""
    money = settings.money
    return Patience(money.rail_poll_seconds, money.rail_settlement_timeout_hours)


def sealing_of(settings: Settings, pool: Pool) -> Sealing:
    """Return what signs the log."""
    return Sealing(pool, database_clock, signer(settings), settings.jobs.seal_interval_seconds)


def entries_of(settings: Settings, pool: Pool) -> tuple[Entry, ...]:
    """Return what is done again and again; each entry is an actor above."""
    return (
        due_payments.ENTRY,
        due_holds.ENTRY,
        sealing_of(settings, pool).entry,
        *purges.ENTRIES,
        settlements_of(settings, pool).entry,
        *bank_schedules.ENTRIES,
    )


def schedule(settings: Settings, dsn: str, stop: Event) -> None:
    """Ask for scheduled work until `stop`, in turns with nobody but the one that leads."""
    presence = Presence(partial(connect, dsn, "ledgerbank_app"), process_name())
    with open_pool(dsn, 1) as pool, presence.shown() as holder:
        entries = entries_of(settings, pool)
        Scheduler(pool=pool, clock=database_clock, entries=entries, holder=holder).run(stop)


def rules_of(settings: Settings) -> RetryRules:
    """Return the delays before retries, by category."""
    jobs = settings.jobs
    return RetryRules(
        external_ms=delays(jobs.retry_external_base_ms, jobs.retry_external_max, settings),
        system_ms=delays(jobs.retry_system_base_ms, jobs.retry_system_max, settings),
    )


def delays(base_ms: int, count: int, settings: Settings) -> tuple[int, ...]:
    """Return `count` delays, each longer than the one before by the multiplier."""
    return tuple(int(base_ms * settings.jobs.retry_multiplier**n) for n in range(count))
