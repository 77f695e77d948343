"""Settings → ledger, vault, pools: the write side of any process, put together on one screen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Optional

import msgspec

from ledger.application import Ledger
from ledger.policies.limits import Rules
from ledger.tasks import end
from ops.index_keys import admit
from ops.settings import Settings
from schema.bell import Bell
from schema.postgres import Pool, open_pool
from schema.seals import KeyEncryptionKeys
from schema.store import LogStore
from schema.vault import KeyVault

if TYPE_CHECKING:
    from ops.tracing.tracer import Tracer

SECONDS_PER_MINUTE = 60


class Books(msgspec.Struct, frozen=True):
    """A started ledger and what it stands on.

    `earlier_keys` are index keys before the present one that requests may be known by.
    """

    ledger: Ledger
    vault: KeyVault
    pool: Pool
    rules: Rules
    epoch: str
    earlier_keys: tuple[bytes, ...]


@asynccontextmanager
async def open_books(
    settings: Settings, dsn: str, tracer: Optional["Tracer"] = None
) -> AsyncIterator[Books]:
    """Start the ledger of this process; stop it, with nothing half done, at the end.

    Raises `SettingsRefused` for an index key that the claims were not made with.
    """
    earlier_keys = await asyncio.to_thread(admit, settings, dsn)
    pool = await open_pool(dsn, settings.core.pool_size, "ledgerbank_app")
    keks = KeyEncryptionKeys(settings.identity.data_key_encryption_keys)
    vault = KeyVault(pool, keks, settings.core.index_key)
    rules, bell = rules_of(settings), Bell(dsn)
    if tracer is None:
        store = LogStore(dsn, pool)
        ledger = Ledger(library_environment(dsn), store, vault, rules)
    else:
        from ops.tracing.inside import TracedLedger, TracedStore

        store = TracedStore(dsn, pool, tracer)
        ledger = TracedLedger(library_environment(dsn), store, vault, rules, tracer=tracer)
    await ledger.start(committed=bell.ring)
    ringing = asyncio.create_task(bell.run())
    try:
        yield Books(ledger, vault, pool, rules, (await store.head()).epoch, earlier_keys)
    finally:
        await ledger.stop()
        await end(ringing)
        await store.close()
        await pool.close()


def library_environment(dsn: str) -> dict[str, str]:
    """Return what plugs our recorder and codec into the event-sourcing library."""
    return {
        "PERSISTENCE_MODULE": "schema.recorder",
        "MAPPER_TOPIC": "schema.codec:EventCodec",
        "LEDGER_DSN": dsn,
    }


def rules_of(settings: Settings) -> Rules:
    """Return the rules that decisions depend on."""
    money = settings.money
    daily_limits = {
        "CHECKING": money.checking_daily_limit,
        "SAVINGS": money.savings_daily_limit,
        "CREDIT": money.credit_daily_limit,
        "INVESTMENT": money.investment_daily_limit,
    }
    smallest = money.min_payment_amount
    return Rules(
        daily_limits=daily_limits,
        daily_limit_default=money.default_daily_limit,
        single_limit=money.max_single_transaction,
        amount_min=money.max_single_transaction * 0 if smallest is None else smallest,
        duplicate_window_seconds=money.duplicate_window_minutes * SECONDS_PER_MINUTE,
        detect_duplicates=settings.flags.enable_duplicate_detection,
        webhook_dedupe_days=settings.banking.webhook_dedupe_days,
    )
