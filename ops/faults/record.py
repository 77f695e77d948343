"""The clients' own record: what was asked, and what came of it. Nothing else is believed."""

from collections import Counter
from typing import Any, TypeAlias

import msgspec


class Moved(msgspec.Struct, frozen=True):
    """A transfer that was acknowledged; amounts are minor units."""

    story: str
    source: str
    destination: str
    amount: int


class Paid(msgspec.Struct, frozen=True):
    """A payment whose start was acknowledged, or that starts by itself."""

    story: str
    payment_id: str
    source: str
    amount: int


class Held(msgspec.Struct, frozen=True):
    """A hold that was placed, and how much of it was captured (0: it was released)."""

    story: str
    source: str
    destination: str
    captured: int


class Refusal(msgspec.Struct, frozen=True):
    """A command that was refused for good: it must have left nothing."""

    story: str
    reason: str


Outcome: TypeAlias = Moved | Paid | Held | Refusal


class Asked(msgspec.Struct, frozen=True):
    """A command with its key and what it was answered."""

    path: str
    content: bytes
    headers: dict[str, str]
    status: int
    told: Any


class Record(msgspec.Struct):
    """Everything the clients know; `strange` is what no client should ever see."""

    outcomes: list[Outcome] = []
    kept: list[Asked] = []
    beats: list[Moved] = []
    asked: int = 0
    repeated: int = 0
    strange: list[str] = []

    def of(self, kind: type[Outcome]) -> list[Outcome]:
        """Return the outcomes of one kind."""
        return [each for each in self.outcomes if isinstance(each, kind)]

    def changes(self) -> Counter[str]:
        """Return by how much every account must have changed, were all payments completed."""
        found: Counter[str] = Counter()
        for each in (*self.outcomes, *self.beats):
            match each:
                case Moved(source=source, destination=destination, amount=amount):
                    found[source] -= amount
                    found[destination] += amount
                case Held(source=source, destination=destination, captured=captured):
                    found[source] -= captured
                    found[destination] += captured
                case Paid(source=source, amount=amount):
                    found[source] -= amount
                case Refusal():
                    continue
        return found
