"""Settings → the HTTP application: every route, and the things that routes are made of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, Optional

import redis.asyncio as redis

from api.app import create_app
from api.app import published as document_of
from api.asking import Desk
from api.banking import Banking
from api.breakers import BreakerPanel
from api.commands import (
    account_changes,
    accounts,
    auth,
    breakers,
    bulk,
    holds,
    jobs,
    payments,
    periods,
    postings,
    profile,
    projections,
    quotes,
    service_accounts,
    sessions,
    transfers,
    webhook_endpoints,
)
from api.commands.payment_fields import PaymentDefaults
from api.commands.payments import Watch
from api.commands.users import user_endpoints
from api.consistency import Freshness
from api.endpoint import Endpoint
from api.feed import Feed
from api.front import Front
from api.gate import Gate
from api.outbound import Outbound
from api.outside_meters import OutsideMeters
from api.passwords import Passwords
from api.principals import Authenticator
from api.probes import Probes
from api.queries import account_history, exports, receipts, socket, statements, stream
from api.queries import accounts as account_queries
from api.queries import audit as audit_queries
from api.queries import auth as auth_queries
from api.queries import breakers as breaker_queries
from api.queries import events as event_queries
from api.queries import holds as hold_queries
from api.queries import idempotency as idempotency_queries
from api.queries import jobs as job_queries
from api.queries import ledger as ledger_queries
from api.queries import payments as payment_queries
from api.queries import postings as posting_queries
from api.queries import projections as projection_queries
from api.queries import proofs as proof_queries
from api.queries import quotes as quote_queries
from api.queries import service_accounts as service_account_queries
from api.queries import sessions as session_queries
from api.queries import trace as trace_queries
from api.queries import transactions as transaction_queries
from api.queries import transfers as transfer_queries
from api.queries import users as user_queries
from api.queries import webhook_endpoints as webhook_endpoint_queries
from api.rate_limits import RateLimits
from api.rates import Rates
from api.reading import Reading
from api.service_keys import ServiceKeys
from api.spans import Spans
from api.throttle import Throttle
from api.webhooks import Inbox
from api.wire import Limits, Wire
from api.work_meters import WorkMeters
from ledger.policies.limits import Rules
from ops import VERSION
from ops.bank_routes import bank_routes
from ops.banking import banking_of, banks_of, inbox_of
from ops.breakers import open_panel
from ops.composition import Books, open_books
from ops.configuration import tell_changes
from ops.health import probes_of
from ops.meters import meters_of, meters_open, registry
from ops.passwords import lengths_of, passwords_of
from ops.rate_limits import open_rate_limits
from ops.rates import rates_of
from ops.replays import counting
from ops.settings import Settings
from ops.signing_in import patience_of, tokens_of
from ops.witness import open_witness
from projections.checkpoints import Checkpoints
from projections.cursors import Cursors
from projections.looking_back import Past
from projections.told import Teller
from schema.vault import KeyVault
from workers.spans import UNTRACED

if TYPE_CHECKING:
    from ops.tracing.tracer import Tracer


def endpoints_of(settings: Settings) -> tuple[Endpoint, ...]:
    """Return every route of the product, commands first."""
    return (*commands_of(settings), *queries_of())


def commands_of(settings: Settings) -> tuple[Endpoint, ...]:
    """Return the routes that ask for something to be done."""
    return (
        *auth.ENDPOINTS,
        *sessions.ENDPOINTS,
        *service_accounts.ENDPOINTS,
        *user_endpoints(lengths_of(settings)),
        *profile.ENDPOINTS,
        *accounts.ENDPOINTS,
        *account_changes.ENDPOINTS,
        *payments.ENDPOINTS,
        *transfers.ENDPOINTS,
        *bulk.ENDPOINTS,
        *quotes.ENDPOINTS,
        *postings.ENDPOINTS,
        *periods.ENDPOINTS,
        *holds.ENDPOINTS,
        *jobs.ENDPOINTS,
        *webhook_endpoints.ENDPOINTS,
        *bank_routes(settings),
        *breakers.ENDPOINTS,
    )


def queries_of() -> tuple[Endpoint, ...]:
    """Return the routes that ask what is."""
    return (
        *auth_queries.ENDPOINTS,
        *session_queries.ENDPOINTS,
        *service_account_queries.ENDPOINTS,
        *user_queries.ENDPOINTS,
        *account_queries.ENDPOINTS,
        *statements.ENDPOINTS,
        *account_history.ENDPOINTS,
        *transaction_queries.ENDPOINTS,
        *payment_queries.ENDPOINTS,
        *transfer_queries.ENDPOINTS,
        *hold_queries.ENDPOINTS,
        *job_queries.ENDPOINTS,
        *trace_queries.ENDPOINTS,
        *ledger_queries.ENDPOINTS,
        *posting_queries.ENDPOINTS,
        *quote_queries.ENDPOINTS,
        *exports.ENDPOINTS,
        *audit_queries.ENDPOINTS,
        *stream.ENDPOINTS,
        *socket.ENDPOINTS,
        *proof_queries.ENDPOINTS,
        *receipts.ENDPOINTS,
        *event_queries.ENDPOINTS,
        *projections.ENDPOINTS,
        *webhook_endpoint_queries.ENDPOINTS,
        *projection_queries.ENDPOINTS,
        *breaker_queries.ENDPOINTS,
        *idempotency_queries.ENDPOINTS,
    )


def published_document(settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document that a server with these settings publishes."""
    return document_of(endpoints_of(settings), VERSION)


@asynccontextmanager
async def open_app(
    settings: Settings, dsn: str, redis_url: str | None, tracer: Optional["Tracer"] = None
) -> AsyncIterator[Front]:
    """Put the application together and keep its parts running for the length of the block."""
    passwords = passwords_of(settings)
    broker = None if redis_url is None else redis.Redis.from_url(redis_url)
    exposed = registry()
    try:
        async with (
            banks_of(settings, redis_url, tracer or UNTRACED) as ports,
            open_rate_limits(settings, redis_url) as limits,
            open_panel(settings, redis_url) as panel,
            meters_open(redis_url) as meters,
            open_books(settings, dsn, tracer) as books,
            Checkpoints(dsn, books.pool) as checkpoints,
            open_witness(settings, books, exposed) as witness,
            Feed(books.pool, checkpoints, teller_of(books)) as feed,
        ):
            await tell_changes(settings, books.ledger, books.pool)
            gate = gate_of(settings, books, passwords)
            yield create_app(
                endpoints_of(settings),
                uses_of(settings, books, checkpoints, gate)
                | {Probes: probes_of(settings, dsn, books.pool, broker)}
                | {Feed: feed, WorkMeters: WorkMeters(exposed, books.pool)}
                | {BreakerPanel: panel, OutsideMeters: meters_of(exposed, panel, meters)}
                | {Banking: banking_of(settings, books.pool, ports)}
                | {Inbox: inbox_of(settings, books.pool)}
                | ({} if limits is None else {RateLimits: limits})
                | ({} if tracer is None else {Spans: tracer})
                | witness,
                authenticate=authenticator_of(books, gate).authenticate,
                wire=wire_of(settings),
                registry=exposed,
            )
    finally:
        passwords.close()
        if broker is not None:
            await broker.aclose()


def teller_of(books: Books) -> Teller:
    """Return what tells the records behind a notice as they were."""
    return Teller(Past(books.pool, books.vault.keks), partial(account_queries.view, books.rules))


def gate_of(settings: Settings, books: Books, passwords: Passwords) -> Gate:
    """Return what signing in is made of."""
    return Gate(
        tokens=tokens_of(settings),
        passwords=passwords,
        throttle=Throttle(books.pool, patience_of(settings)),
        pool=books.pool,
        index_key=settings.core.index_key,
        clock=lambda: int(time()),
        lengths=lengths_of(settings),
    )


def authenticator_of(books: Books, gate: Gate) -> Authenticator:
    """Return what proves who calls."""
    return Authenticator(
        tokens=gate.tokens,
        pool=books.pool,
        clock=gate.clock,
        remembered=books.ledger.standing,
        services=ServiceKeys(books.pool, gate.clock, books.ledger.machine),
    )


def uses_of(
    settings: Settings, books: Books, checkpoints: Checkpoints, gate: Gate
) -> dict[type, Any]:
    """Return what the routes use, by type."""
    ledger = books.ledger
    return {
        Gate: gate,
        Outbound: Outbound(settings.core.index_key, settings.jobs.webhook_allow_private),
        KeyVault: books.vault,
        Rules: books.rules,
        Rates: rates_of(settings),
        Desk: Desk(
            handle=counting(ledger.handle, books.pool),
            epoch=books.epoch,
            secret=settings.core.index_key,
            earlier=books.earlier_keys,
        ),
        Watch: Watch(ledger.current, ledger.reading),
        Reading: Reading(
            pool=books.pool,
            rules=books.rules,
            cursors=Cursors(settings.core.secret_key_base.encode()),
            digest=books.vault.digest,
            keks=books.vault.keks,
        ),
        jobs.Counter: jobs.Counter(asyncio.Lock()),
        PaymentDefaults: PaymentDefaults(settings.money.payment_auto_process),
        Freshness: Freshness(
            head=checkpoints.head,
            checkpoints=checkpoints,
            epoch=books.epoch,
            wait_ms=settings.http.read_wait_ms,
        ),
    }


def wire_of(settings: Settings) -> Wire:
    """Return what the edge is set to."""
    http = settings.http
    return Wire(
        limits=Limits(
            url_bytes=http.max_url_bytes,
            header_bytes=http.max_header_bytes,
            body_bytes=http.max_body_bytes,
        ),
        origins=frozenset(http.cors_allowed_origins),
        trusted_proxies=http.trusted_proxies,
        always_https=settings.core.env == "prod",
        metrics_token=http.metrics_token,
        version=VERSION,
    )
