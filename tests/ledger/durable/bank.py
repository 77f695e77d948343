"""A ledger on a real database, with people who hold funded accounts."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

from ledger.application import Ledger, utc_now
from ledger.commands.account import OpenAccount
from ledger.commands.command import Context
from ledger.commands.transfer import MakeTransfer
from ledger.commands.user import RegisterUser
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ledger.policies.limits import Rules
from schema.postgres import open_pool
from schema.seals import KeyEncryptionKeys
from schema.store import LogStore
from schema.vault import KeyVault

PLENTY = Decimal(1_000_000)
RULES = Rules(daily_limits={}, daily_limit_default=PLENTY, single_limit=PLENTY)
KEKS = KeyEncryptionKeys({"k1": b"w" * 32})
BY_SYSTEM = Context(actor=SYSTEM, correlation_id="test")


@asynccontextmanager
async def ledger_on(
    dsn: str, rules: Rules = RULES, clock: Callable[[], str] = utc_now
) -> AsyncIterator[Ledger]:
    """Run a ledger with connections of its own, as another process would."""
    pool = await open_pool(dsn, 4, "ledgerbank_app")
    vault = KeyVault(pool, KEKS, b"i" * 32)
    store = LogStore(dsn, pool)
    env = {"PERSISTENCE_MODULE": "schema.recorder", "LEDGER_DSN": dsn}
    ledger = Ledger(env, store, vault, rules, clock)
    await ledger.start()
    yield ledger
    await ledger.stop()
    await store.close()
    await pool.close()


async def join(ledger: Ledger) -> str:
    """Register somebody; return their id."""
    user_id = new_id()
    command = RegisterUser(
        user_id=user_id,
        email=Private("somebody@example.com", user_id),
        email_claim=new_id(),
        full_name=Private("Somebody", user_id),
        password_hash="hash",
        data_key_id=new_id(),
    )
    await ledger.handle(command, BY_SYSTEM)
    return user_id


async def open_account(ledger: Ledger, user_id: str, minor: int) -> str:
    """Open an account with money on it; return its id."""
    account_id = new_id()
    command = OpenAccount(
        account_id=account_id,
        user_id=user_id,
        currency="USD",
        account_type="CHECKING",
        account_name=Private("Money", user_id),
        last_four="0000",
        opening_balance=minor,
        opening_posting_id=new_id(),
    )
    await ledger.handle(command, BY_SYSTEM)
    return account_id


def transfer(source: str, destination: str, writer: str, amount: str = "1.00") -> MakeTransfer:
    return MakeTransfer(
        transfer_id=new_id(),
        posting_id=new_id(),
        source_account_id=source,
        destination_account_id=destination,
        amount=amount,
        currency=None,
        description=Private("a transfer", writer),
    )


async def balance(ledger: Ledger, account_id: str) -> int:
    """Return what the database says an account holds, in minor units."""
    minor: int = (await ledger.current(f"account-{account_id}")).state.balance
    return minor
