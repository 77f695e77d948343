"""Passwords: argon2id by explicit parameters, off the event loop, a bounded number at once."""

import asyncio
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ledger.errors import Reason, Refused

T = TypeVar("T")
LENGTH_MAX = 255
QUEUED_PER_THREAD = 50
"""About two seconds of work at the default cost; whoever comes later is better told at once."""
MINIMA = {"user": 8, "support": 15, "auditor": 15, "admin": 15}


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one argon2id hash costs (identity.md §3)."""

    memory_kib: int = 19_456
    time_cost: int = 2
    parallelism: int = 1


class Lengths(msgspec.Struct, frozen=True):
    """How short a password may be, by role; judged when one is set, never at login."""

    minima: Mapping[str, int] = msgspec.field(default_factory=lambda: dict(MINIMA))

    def suits(self, password: str, role: str) -> bool:
        """Say whether a password has an allowed length for `role`."""
        return self.minima[role] <= len(password) <= LENGTH_MAX


class Passwords:
    """Hashes and verifies passwords in `threads` threads of its own."""

    def __init__(self, cost: Cost, threads: int, queued_max: int | None = None) -> None:
        self.hasher = PasswordHasher(
            time_cost=cost.time_cost,
            memory_cost=cost.memory_kib,
            parallelism=cost.parallelism,
        )
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self.admitted_max = threads + (
            threads * QUEUED_PER_THREAD if queued_max is None else queued_max
        )
        self.admitted = 0
        self.nobodys = self.hasher.hash("nobody's password")

    async def hashed(self, password: str) -> str:
        """Return the hash to be stored."""
        return await self.run(lambda: self.hasher.hash(canonical(password)))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Say whether `password` is the one behind `stored`; nothing stored costs the same."""
        known = stored is not None and len(password) <= LENGTH_MAX
        against = stored if stored is not None and known else self.nobodys
        return await self.run(lambda: self.verify(against, password[:LENGTH_MAX])) and known

    def outdated(self, stored: str) -> bool:
        """Say whether a stored hash was made at another cost than today's."""
        return self.hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads once what they are at is done."""
        self.threads.shutdown(cancel_futures=True)

    def verify(self, stored: str, password: str) -> bool:
        """Compare in this thread."""
        try:
            return self.hasher.verify(stored, canonical(password))
        except (VerificationError, InvalidHashError):
            return False

    async def run(self, work: Callable[[], T]) -> T:
        """Have a thread do `work`, or refuse when too much is waiting already."""
        if self.admitted >= self.admitted_max:
            raise Refused(Reason.SERVICE_UNAVAILABLE)
        loop = asyncio.get_running_loop()
        self.admitted += 1
        future = self.threads.submit(work)
        future.add_done_callback(lambda _: self.leave(loop))
        return await asyncio.wrap_future(future)

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make room, on the loop that counts; work whose asker went away counts until it ends."""
        with suppress(RuntimeError):  # A loop that was closed meanwhile counts no more.
            loop.call_soon_threadsafe(self.make_room)

    def make_room(self) -> None:
        """Let the next one in."""
        self.admitted -= 1


def canonical(password: str) -> bytes:
    """Return the bytes of a password, the same however its characters were composed."""
    return unicodedata.normalize("NFKC", password).encode()
