"""The outside banks that settings lead to, and the one that a demo brings along."""

import socket
from pathlib import Path

import httpx2
import pytest

from ops.banks import open_banks
from ops.breakers import open_breakers
from ops.outside import bank_inside, free_port, kept_in, wants_bank
from ops.settings import Settings, read_settings
from workers.banks.port import Authorization, BankPort
from workers.banks.sandbox import SandboxWindows
from workers.breakers import NoBreakers, SharedBreakers

LOCAL = "http://localhost:4010"


def settings_of(folder: Path, **changes: str) -> Settings:
    return read_settings({"LEDGERBANK_ENV": "dev", "DATA_DIR": str(folder), **changes})


def ports_of(settings: Settings) -> dict[str, BankPort]:
    with open_banks(settings, NoBreakers()) as ports:
        return dict(ports)


def test_banks_are_known_once_they_are_set_up(tmp_path: Path) -> None:
    assert ports_of(settings_of(tmp_path)) == {}
    monzo = {"MONZO_CLIENT_ID": "us", "MONZO_CLIENT_SECRET": "hush"}
    both = ports_of(settings_of(tmp_path, SANDBOX_BANK_URL="http://bank:1", **monzo))
    assert both.keys() == {"sandbox", "monzo"}
    wish = Authorization(redirect_uri="https://us/back", state="s", code_challenge="c")
    assert both["sandbox"].authorization_url(wish).startswith("http://bank:1/oauth/authorize?")
    assert both["monzo"].authorization_url(wish).startswith("https://auth.monzo.com/?")
    assert ports_of(settings_of(tmp_path, MONZO_CLIENT_ID="us")) == {}


def test_the_address_tells_the_dialect(tmp_path: Path) -> None:
    ports = ports_of(settings_of(tmp_path, SANDBOX_BANK_URL="http://bank:1/windows"))
    assert isinstance(ports["sandbox"], SandboxWindows)
    wish = Authorization(redirect_uri="https://us/back", state="s", code_challenge="c")
    assert ports["sandbox"].authorization_url(wish).startswith("http://bank:1/oauth/authorize?")


def test_breakers_are_shared_unless_switched_off(tmp_path: Path, valkey: str) -> None:
    with open_breakers(settings_of(tmp_path), valkey) as breakers:
        assert isinstance(breakers, SharedBreakers)
    off = settings_of(tmp_path, ENABLE_CIRCUIT_BREAKER="off")
    for settings, url in ((off, valkey), (settings_of(tmp_path), None)):
        with open_breakers(settings, url) as breakers:
            assert isinstance(breakers, NoBreakers)


def test_a_demo_without_a_bank_brings_its_own(tmp_path: Path) -> None:
    demo = settings_of(tmp_path, DEMO_MODE="on")
    assert (wants_bank(demo), demo.banking.sandbox_bank_url) == (True, LOCAL)
    plain = settings_of(tmp_path)
    assert (wants_bank(plain), plain.banking.sandbox_bank_url) == (False, None)
    told = settings_of(tmp_path, DEMO_MODE="on", SANDBOX_BANK_URL="http://bank:1")
    assert (wants_bank(told), told.banking.sandbox_bank_url) == (False, "http://bank:1")


def test_the_demos_bank_runs_inside_and_stands_back_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port(0)
    monkeypatch.setattr("ops.outside.SANDBOX_PORT", port)
    demo = settings_of(tmp_path, DEMO_MODE="on")
    with bank_inside(demo):
        url = f"http://127.0.0.1:{port}/_sandbox/health"
        assert httpx2.get(url, trust_env=False).is_success
        assert kept_in(demo).exists()
        with bank_inside(demo):
            assert httpx2.get(url, trust_env=False).is_success
        assert httpx2.get(url, trust_env=False).is_success
    with bank_inside(settings_of(tmp_path)), pytest.raises(httpx2.ConnectError):
        httpx2.get(url, trust_env=False)


def test_a_port_that_is_taken_is_not_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port
