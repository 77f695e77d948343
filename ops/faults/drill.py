"""A drill: load a house, let troubles befall it, heal it, and judge by the clients' record."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx2
import msgspec
import structlog

from ledger.identity import new_id
from ledger.money import decimal_text
from ops.faults.checks import Aftermath, faults_of, stragglers_of
from ops.faults.depths import deep_faults
from ops.faults.house import House
from ops.faults.pulse import NO_PULSE, Pulse, faint, pulse
from ops.faults.record import Record, Refusal
from ops.faults.trouble import Trouble, befall
from ops.faults.workload import CURRENCY, Workload

HEAL_SECONDS = 60.0
POLL_SECONDS = 0.2
OPENING = 1_000_000_00
ACCOUNTS = 8
PASSWORD = "correct horse battery staple"  # noqa: S105  # of customers who live as long as a drill


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait between troubles, and how long everything may take to heal."""

    pause_seconds: float = 1.0
    heal_seconds: float = HEAL_SECONDS


USUAL = Pace()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill came to; it is good when `faults` is empty.

    `stragglers` is the work that was not over when the time for healing was.
    """

    seed: int = 0
    troubles: int = 0
    acknowledged: int
    refused: int
    asked: int
    repeated: int
    asked_again: int
    healed_seconds: float = 0.0
    stragglers: int = 0
    before: Pulse = NO_PULSE
    after: Pulse = NO_PULSE
    died_at: tuple[str, ...] = ()
    stood_at: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class Staff(msgspec.Struct, frozen=True):
    """An administrator of the house: signs in, opens accounts."""

    url: str
    email: str
    password: str

    def login(self, email: str, password: str) -> dict[str, Any]:
        """Sign somebody in."""
        body = {"email": email, "password": password}
        return self.ask("/api/auth/login", body)

    def ask(self, path: str, body: Any, bearer: str | None = None) -> dict[str, Any]:
        """Ask for something that must not be refused."""
        headers = {} if bearer is None else {"authorization": bearer}
        answer = httpx2.post(f"{self.url}{path}", json=body, headers=headers, timeout=30)
        assert answer.is_success, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def customer(self) -> tuple[str, str]:
        """Let somebody join; return their id and their bearer."""
        email = f"drill-{new_id()}@example.com"
        asked = {
            "email": email,
            "full_name": "Somebody",
            "password": PASSWORD,
            "password_confirmation": PASSWORD,
        }
        user = self.ask("/api/users", asked)
        return user["id"], f"Bearer {self.login(email, PASSWORD)['access_token']}"

    def accounts(self, owner: str) -> list[str]:
        """Open accounts with money in them."""
        bearer = f"Bearer {self.login(self.email, self.password)['access_token']}"
        asked = {
            "currency": CURRENCY,
            "account_type": "INVESTMENT",
            "account_name": "Drill",
            "user_id": owner,
            "opening_balance": decimal_text(OPENING, CURRENCY),
        }
        return [self.ask("/api/accounts", asked, bearer)["id"] for _ in range(ACCOUNTS)]


def drill(
    house: House, staff: Staff, troubles: Sequence[Trouble], *, seed: int, pace: Pace = USUAL
) -> Report:
    """Let `troubles` befall a house under load, one after the other; return what came of it."""
    began = datetime.now(UTC)
    owner, bearer = staff.customer()
    accounts = staff.accounts(owner)
    workload = Workload(house.urls, bearer, accounts, seed=seed)
    record = workload.record
    before = pulse(house.urls, bearer, accounts, record)
    endure(house, workload, troubles, pace)
    opening = dict.fromkeys(accounts, OPENING)
    balance = partial(balance_of, house.urls[-1], bearer)
    aftermath = Aftermath(record, workload.story, house.dsn, began, opening, balance)
    faults, seconds = healed(house, aftermath, pace.heal_seconds)
    stragglers = stragglers_of(aftermath)
    workload.repeat()
    after = pulse(house.urls, bearer, accounts, record)
    if not faults:
        canaries = (PASSWORD, bearer.partition(" ")[2], workload.canary)
        faults = [
            *healed(house, aftermath, pace.heal_seconds)[0],
            *faint(before, after),
            *deep_faults(house.settings, house.dsn, house.logs(), canaries),
        ]
    return msgspec.structs.replace(
        counted(record),
        seed=seed,
        troubles=len(troubles),
        healed_seconds=round(seconds, 1),
        stragglers=stragglers,
        before=before,
        after=after,
        died_at=tuple(house.died_at),
        stood_at=tuple(house.stood_at),
        faults=tuple(faults),
    )


def counted(record: Record) -> Report:
    """Return a report of what the clients counted."""
    refused = len(record.of(Refusal))
    return Report(
        acknowledged=len(record.outcomes) - refused,
        refused=refused,
        asked=record.asked,
        repeated=record.repeated,
        asked_again=len(record.kept),
    )


def endure(house: House, workload: Workload, troubles: Sequence[Trouble], pace: Pace) -> None:
    """Let a house live through troubles under its load; return when every server answers."""
    house.died_at.clear()
    house.stood_at.clear()
    with loaded(house, workload):
        for trouble in troubles:
            house.wait(pace.pause_seconds)
            workload.record.strange += befall(house, trouble)
        house.wait(pace.pause_seconds)
    house.until_ready()


@contextmanager
def loaded(house: House, workload: Workload) -> Iterator[None]:
    """Keep a load on the house for the length of the block; afterwards every outcome is known."""
    thread = threading.Thread(target=workload.run, name="clients")
    thread.start()
    try:
        yield
    finally:
        workload.stopping.set()
        while thread.is_alive():
            house.wait(POLL_SECONDS)


def balance_of(url: str, bearer: str, account: str) -> str:
    """Return what a server says an account holds; nothing while it cannot say."""
    path = f"{url}/api/accounts/{account}/balance"
    answer = httpx2.get(path, headers={"authorization": bearer}, timeout=30)
    return str(answer.json().get("data", {}).get("balance", "0"))


def healed(house: House, after: Aftermath, most: float) -> tuple[list[str], float]:
    """Judge again and again until all is well or the time for healing is over."""
    began = time.monotonic()
    while True:
        faults, seconds = faults_of(after), time.monotonic() - began
        if not faults or after.record.strange or seconds > most:
            return faults, seconds
        structlog.get_logger().info("drill.healing", seconds=round(seconds, 1), left=len(faults))
        house.wait(1.0)
