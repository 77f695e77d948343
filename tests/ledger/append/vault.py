"""A vault in memory: keys named after their people, at hand once they were fetched."""

import asyncio
from collections.abc import Collection

import msgspec

from ledger.append.ports import Key
from ledger.decisions.view import NotLoaded, PrivateRow
from ledger.events.event import Sealed


class FakeKey(msgspec.Struct, frozen=True):
    """Seals in a way that shows who could open it."""

    kid: str

    def seal(self, text: str) -> Sealed:
        return Sealed(enc=f"<{text}>", kid=self.kid)

    def seal_bytes(self, content: bytes, label: str) -> bytes:
        return f"{self.kid}/{label}/".encode() + content

    def open_bytes(self, content: bytes, label: str) -> bytes:
        prefix = f"{self.kid}/{label}/".encode()
        assert content.startswith(prefix), "opened with another key, or under another label"
        return content.removeprefix(prefix)


class FakeVault:
    """Keys named `key of <person>`; they are fetched once, unless lost."""

    def __init__(self) -> None:
        self.at_hand: set[str] = set()
        self.lost: set[str] = set()
        self.fetches = 0

    def of(self, subject: str) -> Key | None:
        kid = f"key of {subject}"
        return FakeKey(kid) if kid in self.at_hand - self.lost else None

    def sealing(self, subject: str) -> Key | None:
        kid = f"key of {subject}"
        if kid not in self.at_hand:
            raise NotLoaded(f"subject:{subject}")
        return None if kid in self.lost else FakeKey(kid)

    def by_id(self, kid: str) -> Key | None:
        if kid not in self.at_hand:
            raise NotLoaded(f"key:{kid}")
        return None if kid in self.lost else FakeKey(kid)

    def reveal(self, sealed: Sealed | None) -> str | None:
        if sealed is None:
            return None
        if self.by_id(sealed.kid) is None:
            return "[erased]"
        return sealed.enc.removeprefix("<").removesuffix(">")

    def create(self, subject: str, kid: str) -> PrivateRow:
        self.at_hand.add(f"key of {subject}")
        return PrivateRow("data_keys", kid, {"subject": subject})

    def lose(self, kid: str) -> None:
        self.lost.add(kid)

    def digest(self, *parts: str | int) -> str:
        return "\x1f".join(map(str, parts))

    async def fetch(self, subjects: Collection[str] = (), kids: Collection[str] = ()) -> None:
        await asyncio.sleep(0)
        self.fetches += 1
        self.at_hand |= {f"key of {subject}" for subject in subjects} | set(kids)
