"""Circuit breakers over HTTP: staff see how they stand, and an admin closes one."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger.identity import new_id
from ops.settings import read_settings
from tests.access.house import KEYS, SETTINGS, Caller, House, server
from tests.projections.conftest import followed
from workers.breakers import SharedBreakers, bank_api

NAME = "bank_api:sandbox"
BREAKERS = "/api/circuit-breakers"


@pytest.fixture(scope="module")
def house(module_database: str, valkey: str, server_dir: Path) -> Iterator[House]:
    """Give a bank of one server that knows the sandbox bank."""
    place = {"DATABASE_URL": module_database, "DATA_DIR": str(server_dir / "breakers")}
    outside = {"SANDBOX_BANK_URL": "http://127.0.0.1:9", "ENABLE_CIRCUIT_BREAKER": "on"}
    settings = read_settings({**SETTINGS, **KEYS[0], **place, **outside})
    with ExitStack() as stack:
        port = stack.enter_context(server(settings, module_database, valkey))
        stack.enter_context(followed(module_database))
        house = House(module_database, [port], settings)
        yield house
        house.clients[0].close()


@pytest.fixture(scope="module")
def admin(house: House) -> Caller:
    return house.member("admin")


@pytest.fixture
def breakers(valkey: str) -> Iterator[SharedBreakers]:
    shared = SharedBreakers(valkey)
    shared.close_early(NAME)
    yield shared
    shared.close_early(NAME)
    shared.close()


def trip(breakers: SharedBreakers) -> None:
    breaker = bank_api("sandbox")
    for permit in [breakers.admit(breaker) for _ in range(6)]:
        breakers.report(breaker, permit, failed=True)


def state(house: House, caller: Caller) -> str:
    told = {each["name"]: each for each in house.data(caller, "GET", BREAKERS)}
    return str(told[NAME]["state"])


def test_what_other_processes_saw_is_told(
    house: House, admin: Caller, breakers: SharedBreakers
) -> None:
    told = {each["name"]: each for each in house.data(admin, "GET", BREAKERS)}
    assert told.keys() >= {NAME, "payment_processor:sandbox"}
    assert told[NAME] == {
        "name": NAME,
        "state": "closed",
        "failures": 0,
        "threshold": 5,
        "window_ms": 60000,
        "reset_ms": 30000,
        "opened_at": None,
        "next_probe_at": None,
    }
    trip(breakers)
    told = {each["name"]: each for each in house.data(admin, "GET", BREAKERS)}
    assert (told[NAME]["state"], told[NAME]["failures"]) == ("open", 6)
    assert told[NAME]["opened_at"] < told[NAME]["next_probe_at"]


def test_an_admin_closes_one_and_that_is_on_record(
    house: House, admin: Caller, breakers: SharedBreakers
) -> None:
    key = {"idempotency-key": new_id()}
    trip(breakers)
    answer = house.data(admin, "POST", f"{BREAKERS}/{NAME}/reset", headers=key)
    assert (answer["name"], answer["state"], answer["failures"]) == (NAME, "closed", 0)
    assert state(house, admin) == "closed"
    breakers.admit(bank_api("sandbox"))
    trip(breakers)
    assert house.data(admin, "POST", f"{BREAKERS}/{NAME}/reset", headers=key) == answer
    assert state(house, admin) == "closed"
    log = house.data(admin, "GET", "/api/audit/log?action=AdminActionPerformed")
    resets = [each for each in log if each["details"].get("command") == "ResetBreaker"]
    assert len(resets) == 1
    assert resets[0]["details"]["breaker"] == NAME


def test_a_name_nobody_knows_is_not_found(house: House, admin: Caller) -> None:
    answer = house.ask(admin, "POST", f"{BREAKERS}/bank_api:acme/reset")
    assert (answer.status_code, answer.json()["reason"]) == (404, "breaker_not_found")
