"""Settings about what lies outside the house: each changes what is sent there, or kept of it."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from ops.banking import banking_of, inbox_of, ring_of
from ops.banks import open_banks
from ops.composition import rules_of
from ops.rates import rates_of
from ops.settings import Settings, read_settings
from ops.work import kept_by, patience_of, settlements_of
from schema.postgres import Pool
from tests.journeys.receiver import Receiver, receiving
from workers.banks.port import BankPort, Grant
from workers.breakers import NoBreakers
from workers.retries import Failed

SANDBOX = {"SANDBOX_BANK_URL": "http://bank:1"}
MONZO = {"MONZO_CLIENT_ID": "us", "MONZO_CLIENT_SECRET": "hush"}
GRANT = Grant(code="the code", redirect_uri="https://us/back", code_verifier=None)
USUAL_TIMEOUT_SECONDS = 10
NOBODYS = cast("Pool", None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("effects")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        opened.answers = [(400, {})] * 9
        yield opened


def settings_of(folder: Path, **changes: str) -> Settings:
    return read_settings({"LEDGERBANK_ENV": "test", "DATA_DIR": str(folder), **changes})


def ports_of(settings: Settings) -> dict[str, BankPort]:
    with open_banks(settings, NoBreakers()) as ports:
        return dict(ports)


def way_to(provider: str, settings: Settings) -> tuple[str, dict[str, list[str]]]:
    """Return where customers go to consent, and what they bring along."""
    door = banking_of(settings, NOBODYS, ports_of(settings)).doors[provider]
    url = urlsplit(door.url_of("state", "challenge", None))
    return f"{url.scheme}://{url.netloc}", parse_qs(url.query)


def exchanged(provider: str, settings: Settings) -> float:
    """Ask a bank for tokens, in vain; return how long that took."""
    began = monotonic()
    with open_banks(settings, NoBreakers()) as ports, pytest.raises(Failed):
        ports[provider].exchange_code(GRANT)
    return monotonic() - began


def test_customers_are_sent_to_the_bank_and_back_to_us(folder: Path) -> None:
    plain = settings_of(folder, **SANDBOX, **MONZO)
    other = settings_of(
        folder,
        SANDBOX_BANK_URL="http://other:2",
        SANDBOX_CLIENT_ID="somebody",
        MONZO_CLIENT_ID="them",
        MONZO_CLIENT_SECRET="hush",
        MONZO_AUTH_URL="https://auth.example",
        PUBLIC_URL="https://ledger.example",
        CONNECT_RETURN_URL="https://app.example/done",
    )
    seen = []
    for settings in (plain, other):
        (sandbox, asked), (monzo, wished) = (
            way_to(provider, settings) for provider in ("sandbox", "monzo")
        )
        banking = banking_of(settings, NOBODYS, {})
        ids = asked["client_id"] + wished["client_id"] + asked["redirect_uri"]
        seen.append((sandbox, monzo, *ids, banking.secure, banking.return_url))
    back = "/api/bank-connections/callback"
    assert seen == [
        ("http://bank:1", "https://auth.monzo.com", "ledgerbank", "us",
         f"http://localhost:4000{back}", False, None),
        ("http://other:2", "https://auth.example", "somebody", "them",
         f"https://ledger.example{back}", True, "https://app.example/done"),
    ]  # fmt: skip


def test_banks_are_shown_the_secrets_that_were_set(folder: Path, receiver: Receiver) -> None:
    place = receiver.url.removesuffix("/hook")
    exchanged("sandbox", settings_of(folder, SANDBOX_BANK_URL=place))
    exchanged("sandbox", settings_of(folder, SANDBOX_BANK_URL=place, SANDBOX_CLIENT_SECRET="x y"))
    exchanged("monzo", settings_of(folder, MONZO_API_URL=place, **MONZO))
    shown = [parse_qs(each.body.decode())["client_secret"] for each in receiver.letters]
    assert shown == [["sandbox-secret"], ["x y"], ["hush"]]


def test_a_silent_bank_is_waited_for_as_long_as_was_set(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = {"SANDBOX_BANK_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        took = exchanged("sandbox", settings_of(folder, PROVIDER_TIMEOUT_MS="300", **place))
    assert 0.3 <= took < USUAL_TIMEOUT_SECONDS / 2


def composed(settings: Settings) -> dict[str, Any]:
    """Return what some settings become."""
    inbox, kept, patience = inbox_of(settings, NOBODYS), kept_by(settings), patience_of(settings)
    settlements = settlements_of(settings, cast("Any", None))
    return {
        "TOKEN_ENCRYPTION_KEYS": ring_of(settings).seal("a token", "of one").key_id,
        "PAYMENT_WEBHOOK_SECRET": inbox.secrets["payments"],
        "BANK_WEBHOOK_SECRET": inbox.secrets["banks"],
        "FRAUD_WEBHOOK_SECRET": inbox.secrets["fraud"],
        "WEBHOOK_REQUIRE_TIMESTAMP": inbox.require_timestamp,
        "WEBHOOK_DEDUPE_DAYS": rules_of(settings).webhook_dedupe_days,
        "IDEMPOTENCY_TTL_HOURS": kept.answers,
        "JOB_RETENTION_DAYS": kept.jobs,
        "RAIL_POLL_SECONDS": (patience.poll_seconds, settlements.every_seconds),
        "RAIL_SETTLEMENT_TIMEOUT_HOURS": patience.overdue_hours,
        "FX_QUOTE_TTL_SECONDS": rates_of(settings).quote_seconds,
    }


COMPOSED = {
    "TOKEN_ENCRYPTION_KEYS": ("t9:" + "A" * 43 + "=", "t9"),
    "PAYMENT_WEBHOOK_SECRET": ("payments sign with this", "payments sign with this"),
    "BANK_WEBHOOK_SECRET": ("banks sign with that one", "banks sign with that one"),
    "FRAUD_WEBHOOK_SECRET": ("fraud signs with another", "fraud signs with another"),
    "WEBHOOK_REQUIRE_TIMESTAMP": ("on", True),
    "WEBHOOK_DEDUPE_DAYS": ("3", 3),
    "IDEMPOTENCY_TTL_HOURS": ("30", timedelta(hours=30)),
    "JOB_RETENTION_DAYS": ("3", timedelta(days=3)),
    "RAIL_POLL_SECONDS": ("9", (9, 9)),
    "RAIL_SETTLEMENT_TIMEOUT_HOURS": ("3", 3),
    "FX_QUOTE_TTL_SECONDS": ("77", 77),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_setting_reaches_the_part_it_is_for(name: str, folder: Path) -> None:
    raw, expected = COMPOSED[name]
    changed, usual = composed(settings_of(folder, **{name: raw})), composed(settings_of(folder))
    assert changed[name] == expected
    assert usual[name] != expected
