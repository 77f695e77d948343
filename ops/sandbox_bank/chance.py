"""Chance and time of the sandbox bank: both repeatable, by seed and on demand."""

import hashlib
import time
from datetime import UTC, datetime, timedelta

from ops.sandbox_bank.books import Books

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


class Chance:
    """Draws from a seed; the same draws in the same order give the same, across restarts too."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def draw(self, books: Books, purpose: str) -> bytes:
        """Return 32 bytes nobody can foresee without the seed."""
        books.drawn += 1
        return hashlib.sha256(f"{self.seed}:{books.drawn}:{purpose}".encode()).digest()

    def name(self, books: Books, kind: str) -> str:
        """Return a new id such as `acc_0a1b…`."""
        drawn = self.draw(books, kind)
        return f"{kind}_" + "".join(ALPHABET[byte % 36] for byte in drawn[:20])

    def secret(self, books: Books, purpose: str) -> str:
        """Return a new token or code."""
        return self.draw(books, purpose).hex()

    def happens(self, books: Books, probability: float) -> bool:
        """Say whether something happens that does so with `probability`."""
        if probability >= 1:
            return True
        return int.from_bytes(self.draw(books, "fault")[:6], "big") < probability * 2**48


def now(books: Books) -> int:
    """Return the bank's time in Unix milliseconds."""
    if books.stopped_at is not None:
        return books.stopped_at
    return time.time_ns() // 1_000_000 + books.clock_offset_ms


def text_of(moment: int) -> str:
    """Return a moment as RFC 3339 text in UTC."""
    told = EPOCH + timedelta(milliseconds=moment)
    return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(text: str) -> int:
    """Read RFC 3339 text. Raises `ValueError`."""
    told = datetime.fromisoformat(text)
    if told.tzinfo is None:
        raise ValueError("a time needs its offset")
    return (told - EPOCH) // timedelta(milliseconds=1)


def hashed(secret: str) -> str:
    """Return what is kept of a token or code."""
    return hashlib.sha256(secret.encode()).hexdigest()
