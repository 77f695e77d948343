"""Settings → outside banks: the adapters, the ways of customers to them, the vault of tokens."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

import msgspec

from api.banking import Banking, Doorway, Granted
from api.webhooks import Inbox
from ledger.errors import Reason, Refused
from ops.settings import Settings
from schema.postgres import Pool
from schema.token_ring import TokenRing
from workers.banks.calls import Calls
from workers.banks.monzo import monzo
from workers.banks.port import Authorization, BankPort, Grant
from workers.banks.sandbox import sandbox_bank
from workers.breakers import Breakers, NoBreakers, SharedBreakers
from workers.retries import Failed

CALLBACK = "/api/bank-connections/callback"


@contextmanager
def open_banks(settings: Settings, redis_url: str | None) -> Iterator[Mapping[str, BankPort]]:
    """Give the adapter of every provider this deployment knows, for the length of the block."""
    banking, breakers = settings.banking, breakers_of(settings, redis_url)
    calls: list[Calls] = []

    def line(provider: str) -> Calls:
        found = Calls(provider, breakers, banking.provider_timeout_ms, secrets.randbelow)
        calls.append(found)
        return found

    ports: dict[str, BankPort] = {}
    if banking.sandbox_bank_url is not None:
        client = (banking.sandbox_client_id, banking.sandbox_client_secret)
        ports["sandbox"] = sandbox_bank(banking.sandbox_bank_url, *client, line("sandbox"))
    if banking.monzo_client_id is not None and banking.monzo_client_secret is not None:
        ports["monzo"] = monzo(
            (banking.monzo_api_url, banking.monzo_auth_url),
            (banking.monzo_client_id, banking.monzo_client_secret),
            line("monzo"),
            lambda: datetime.now(UTC),
        )
    try:
        yield ports
    finally:
        for each in calls:
            each.close()


@asynccontextmanager
async def banks_of(
    settings: Settings, redis_url: str | None
) -> AsyncIterator[Mapping[str, BankPort]]:
    """Do what `open_banks` does, among things that are opened on an event loop."""
    with open_banks(settings, redis_url) as ports:
        yield ports


def breakers_of(settings: Settings, redis_url: str | None) -> Breakers:
    """Return the breakers that all processes share."""
    if redis_url is None or not settings.flags.enable_circuit_breaker:
        return NoBreakers()
    return SharedBreakers(redis_url)


def ring_of(settings: Settings) -> TokenRing:
    """Return the keys that bank tokens are sealed under."""
    return TokenRing(settings.identity.token_encryption_keys)


def banking_of(settings: Settings, pool: Pool, ports: Mapping[str, BankPort]) -> Banking:
    """Return what the routes about connections are made of."""
    public = settings.core.public_url.rstrip("/")
    return Banking(
        doors={name: doorway(port, public + CALLBACK) for name, port in ports.items()},
        pool=pool,
        ring=ring_of(settings),
        secret=settings.core.secret_key_base.encode(),
        secure=public.startswith("https:"),
        return_url=settings.banking.connect_return_url,
    )


def inbox_of(settings: Settings, pool: Pool) -> Inbox:
    """Return what proves messages from outside."""
    banking = settings.banking
    return Inbox(
        secrets={
            "payments": banking.payment_webhook_secret,
            "banks": banking.bank_webhook_secret,
            "fraud": banking.fraud_webhook_secret,
        },
        require_timestamp=banking.webhook_require_timestamp,
        pool=pool,
    )


def doorway(port: BankPort, redirect_uri: str) -> Doorway:
    """Return how customers get to a bank and back."""
    pkce = port.capabilities.pkce

    def url_of(state: str, challenge: str, username: str | None) -> str:
        wish = Authorization(
            redirect_uri=redirect_uri,
            state=state,
            code_challenge=challenge if pkce else None,
            user_name=username,
        )
        return port.authorization_url(wish)

    async def exchange(code: str, verifier: str) -> Granted:
        grant = Grant(
            code=code, redirect_uri=redirect_uri, code_verifier=verifier if pkce else None
        )
        try:
            tokens = await asyncio.to_thread(port.exchange_code, grant)
        except Failed as failed:
            raise refusal(failed, port.provider) from failed
        told = msgspec.structs.asdict(tokens)
        told["provider_user_id"] = told.pop("external_user_id")
        return Granted(**told)

    return Doorway(url_of=url_of, exchange=exchange)


def refusal(failed: Failed, provider: str) -> Refused:
    """Return why a bank could not be asked, as the customer is told."""
    reason, wait_ms = failed.failure.reason, failed.failure.wait_ms
    told = reason if reason.fact.retryable else Reason.BANK_API_ERROR
    facts = {} if wait_ms is None else {"retry_after_ms": wait_ms}
    return Refused(told, provider=provider, **facts)
