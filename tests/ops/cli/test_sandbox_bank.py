"""`ledgerbank sandbox-bank` as a process of its own."""

from pathlib import Path

import httpx2
import msgspec

from tests.ops.cli.shell import Shell, ended


def test_it_serves_until_told_and_keeps_what_it_knows(bare: Shell, tmp_path: Path) -> None:
    data = str(tmp_path / "bank.json")
    flags = ("--json", "sandbox-bank", "--port", "0", "--data", data, "--random", "3")
    with bare.running(*flags) as process:
        assert process.stdout is not None
        url = msgspec.json.decode(process.stdout.readline())["url"]
        account = {"username": "carol", "name": "Carol", "currency": "JPY", "balance": 5}
        opened = httpx2.post(f"{url}/_sandbox/accounts", json=account, trust_env=False).json()
        ran = ended(process)
    assert (ran.code, ran.err) == (0, "")
    with bare.running(*flags) as process:
        assert process.stdout is not None
        url = msgspec.json.decode(process.stdout.readline())["url"]
        told = httpx2.get(f"{url}/_sandbox/accounts", trust_env=False).json()["accounts"]
    assert opened["id"] in {each["id"] for each in told}


def test_it_does_not_run_in_production(bare: Shell) -> None:
    ran = bare("sandbox-bank", LEDGERBANK_ENV="prod")
    assert ran.code == 3
    assert "sandbox bank does not run there" in ran.err or "prod" in ran.err
