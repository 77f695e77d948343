"""Settings → outside banks: the adapters, the ways of customers to them, the vault of tokens."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import msgspec

from api.banking import Banking, Doorway, Granted
from api.webhooks import Inbox
from ledger.errors import Reason, Refused
from ops.banks import open_banks as opened
from ops.breakers import open_breakers
from ops.meters import open_meters
from ops.settings import Settings
from schema.postgres import Pool
from schema.token_ring import TokenRing
from workers.banks.port import Authorization, BankPort, Grant
from workers.retries import Failed
from workers.spans import UNTRACED, Spans

CALLBACK = "/api/bank-connections/callback"


@contextmanager
def open_banks(
    settings: Settings, redis_url: str | None, spans: Spans = UNTRACED
) -> Iterator[Mapping[str, BankPort]]:
    """Give the adapter of every provider this deployment knows, for the length of the block."""
    with (
        open_breakers(settings, redis_url) as breakers,
        open_meters(redis_url) as meters,
        opened(settings, breakers, meters, spans) as ports,
    ):
        yield ports


@asynccontextmanager
async def banks_of(
    settings: Settings, redis_url: str | None, spans: Spans = UNTRACED
) -> AsyncIterator[Mapping[str, BankPort]]:
    """Do what `open_banks` does, among things that are opened on an event loop."""
    with open_banks(settings, redis_url, spans) as ports:
        yield ports


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
