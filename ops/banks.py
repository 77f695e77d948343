"""Settings → the outside banks we can speak to, each behind the one port."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime

from ops.settings import Settings
from workers.banks.calls import UNCOUNTED, Calls
from workers.banks.monzo import monzo
from workers.banks.port import BankPort
from workers.banks.sandbox import sandbox_bank
from workers.breakers import Breakers
from workers.call_meters import CallMeters
from workers.spans import UNTRACED, Spans

SANDBOX_PORT = 4010
"""Where the sandbox bank listens unless somebody says otherwise."""


@contextmanager
def open_banks(
    settings: Settings,
    breakers: Breakers,
    meters: CallMeters = UNCOUNTED,
    spans: Spans = UNTRACED,
) -> Iterator[Mapping[str, BankPort]]:
    """Lend the adapters that the settings allow, by the name of their provider."""
    with ExitStack() as stack:

        def calls(provider: str) -> Calls:
            timeout_ms = settings.banking.provider_timeout_ms
            return stack.enter_context(
                closing(
                    Calls(provider, breakers, timeout_ms, secrets.randbelow, meters, spans=spans)
                )
            )

        ports = (sandbox_of(settings, calls), monzo_of(settings, calls))
        yield {port.provider: port for port in ports if port is not None}


def sandbox_of(settings: Settings, calls: Callable[[str], Calls]) -> BankPort | None:
    """Return the adapter of the sandbox bank."""
    banking, url = settings.banking, settings.banking.sandbox_bank_url
    if url is None:
        return None
    client = (banking.sandbox_client_id, banking.sandbox_client_secret)
    return sandbox_bank(url, *client, calls("sandbox"))


def monzo_of(settings: Settings, calls: Callable[[str], Calls]) -> BankPort | None:
    """Return the adapter of Monzo, once somebody has registered us there."""
    banking = settings.banking
    if banking.monzo_client_id is None or banking.monzo_client_secret is None:
        return None
    client = (banking.monzo_client_id, banking.monzo_client_secret)
    urls = (banking.monzo_api_url, banking.monzo_auth_url)
    return monzo(urls, client, calls("monzo"), lambda: datetime.now(UTC))
