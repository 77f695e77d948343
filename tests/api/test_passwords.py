"""Passwords: the right one and no other, at a bounded cost, off the loop."""

import asyncio
import threading
import unicodedata
from collections.abc import Iterator

import pytest

from api.passwords import Cost, Lengths, Passwords
from ledger.errors import Reason, Refused

CHEAP = Cost(memory_kib=8, time_cost=1, parallelism=1)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(CHEAP, threads=1)
    yield made
    made.close()


@pytest.mark.parametrize(
    "password", ["x", "correct horse", " blank at both ends ", "päss😀wörd", "p" * 255]
)
def test_only_the_right_password_matches(passwords: Passwords, password: str) -> None:
    async def scenario() -> None:
        stored = await passwords.hashed(password)
        assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        assert len(password) < 3 or password not in stored
        assert await passwords.matches(password, stored)
        assert not await passwords.matches(password + "x", stored)
        assert not await passwords.matches(password[:-1], stored)
        assert not await passwords.matches(password, None)
        assert await passwords.hashed(password) != stored

    asyncio.run(scenario())


def test_composed_and_decomposed_characters_are_the_same(passwords: Passwords) -> None:
    async def scenario() -> None:
        composed, decomposed = (unicodedata.normalize(f, "crème brûlée") for f in ("NFC", "NFD"))
        assert await passwords.matches(composed, await passwords.hashed(decomposed))
        assert await passwords.matches(decomposed, await passwords.hashed(composed))

    asyncio.run(scenario())


def test_what_is_too_long_never_matches_its_own_beginning(passwords: Passwords) -> None:
    async def scenario() -> None:
        stored = await passwords.hashed("p" * 255)
        assert not await passwords.matches("p" * 256, stored)
        assert not await passwords.matches("p" * 1_000_000, stored)

    asyncio.run(scenario())


def test_nobodys_password_opens_nothing(passwords: Passwords) -> None:
    async def scenario() -> None:
        assert not await passwords.matches("nobody's password", None)
        assert not await passwords.matches("x", "no hash at all")

    asyncio.run(scenario())


def test_a_hash_of_another_cost_is_outdated(passwords: Passwords) -> None:
    async def scenario() -> None:
        stored = await passwords.hashed("secret")
        assert not passwords.outdated(stored)
        dearer = Passwords(Cost(memory_kib=16, time_cost=1), threads=1)
        assert dearer.outdated(stored)
        assert await dearer.matches("secret", stored)
        dearer.close()

    asyncio.run(scenario())


def test_a_full_queue_refuses_at_once_and_lets_in_again() -> None:
    async def scenario() -> None:
        passwords = Passwords(CHEAP, threads=2, queued_max=3)
        gate = threading.Event()
        waiting = [asyncio.create_task(passwords.run(gate.wait)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as caught:
            await passwords.matches("x", None)
        assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
        gate.set()
        assert await asyncio.gather(*waiting) == [True] * 5
        await asyncio.sleep(0.01)
        assert passwords.admitted == 0
        assert not await passwords.matches("x", None)
        passwords.close()

    asyncio.run(scenario())


def test_an_asker_who_goes_away_leaves_no_place_taken() -> None:
    async def scenario() -> None:
        passwords = Passwords(CHEAP, threads=1, queued_max=5)
        gate = threading.Event()
        tasks = [asyncio.create_task(passwords.run(gate.wait)) for _ in range(4)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gate.set()
        await asyncio.to_thread(passwords.close)
        await asyncio.sleep(0.01)
        assert passwords.admitted == 0

    asyncio.run(scenario())


def test_the_loop_runs_on_while_a_password_is_hashed() -> None:
    async def scenario() -> None:
        passwords = Passwords(Cost(), threads=1)
        hashing = asyncio.create_task(passwords.hashed("secret"))
        turns = 0
        while not hashing.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert turns > 3
        passwords.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("password", "role", "suits"),
    [
        ("x" * 7, "user", False),
        ("x" * 8, "user", True),
        ("x" * 255, "user", True),
        ("x" * 256, "user", False),
        ("x" * 14, "admin", False),
        ("x" * 15, "admin", True),
        ("x" * 14, "support", False),
        ("x" * 14, "auditor", False),
    ],
)
def test_lengths_are_judged_by_role(password: str, role: str, suits: bool) -> None:  # noqa: FBT001 - a column of the table
    assert Lengths().suits(password, role) is suits
