"""The vault: data keys at hand for seconds, so that an erased key is soon gone in every process."""

import time
from collections.abc import Collection

import msgspec
from psycopg import OperationalError
from psycopg.rows import class_row
from psycopg_pool import PoolTimeout, TooManyRequests

from ledger.append.ports import Unavailable
from ledger.decisions.view import NotLoaded, PrivateRow
from ledger.events.event import Sealed
from ledger.identity import new_id
from schema.index_keys import keyed_hash
from schema.postgres import Pool
from schema.seals import (
    SELECT_BY_KID,
    SELECT_BY_SUBJECT,
    DataKey,
    KeyEncryptionKeys,
    WrappedKey,
    reveal,
)

AT_HAND_SECONDS = 30
AT_HAND_MAX = 100_000
LOST_MAX = 10_000
HOUSE = "house-"
"""How subjects begin that are nobody in particular."""


class KeyVault:
    """Data keys by person and by id, fetched through a pool; `index_key` makes keyed hashes."""

    def __init__(self, pool: Pool, keks: KeyEncryptionKeys, index_key: bytes) -> None:
        self.pool, self.keks, self.index_key = pool, keks, index_key
        self.kids: dict[str, tuple[float, DataKey | None]] = {}
        self.subjects: dict[str, str] = {}
        self.lost: dict[str, float] = {}

    def of(self, subject: str) -> DataKey | None:
        """Return the key of a person, if it is at hand."""
        kid = self.subjects.get(subject)
        at_hand = self.kids.get(kid) if kid is not None else None
        return at_hand[1] if at_hand is not None and at_hand[0] > time.monotonic() else None

    def sealing(self, subject: str) -> DataKey | None:
        """Return the key of a person or of the house; None when it is lost. Raises `NotLoaded`."""
        key = self.of(subject)
        if key is None and self.lost.get(subject, 0.0) <= time.monotonic():
            raise NotLoaded(f"subject:{subject}")
        return key

    def by_id(self, kid: str) -> DataKey | None:
        """Return a key by its id; None when it is lost. Raises `NotLoaded` when not at hand."""
        at_hand = self.kids.get(kid)
        if at_hand is None or at_hand[0] <= time.monotonic():
            raise NotLoaded(f"key:{kid}")
        return at_hand[1]

    def reveal(self, sealed: Sealed | None) -> str | None:
        """Read personal text; "[erased]" when its key is lost. Raises `NotLoaded`."""
        if sealed is None:
            return None
        key = self.by_id(sealed.kid)
        return reveal(sealed, {} if key is None else {sealed.kid: key})

    def create(self, subject: str, kid: str) -> PrivateRow:
        """Make a key for a new person, at hand from now on; return the row to be written."""
        wrapped = self.keks.new_data_key(kid, subject)
        self.keep(self.keks.unwrap(wrapped))
        return PrivateRow("data_keys", kid, msgspec.structs.asdict(wrapped))

    def lose(self, kid: str) -> None:
        """Forget a key that has been destroyed; from now on it is known as lost."""
        self.kids[kid] = (time.monotonic() + AT_HAND_SECONDS, None)

    def digest(self, *parts: str | int) -> str:
        """Return the keyed hash (hex) that stands for `parts` in claims."""
        return keyed_hash(self.index_key, *parts)

    async def fetch(self, subjects: Collection[str] = (), kids: Collection[str] = ()) -> None:
        """Bring keys to hand; what is not found is known as lost for a while.

        The house is never without a key: one that is missing is made.
        """
        try:
            await self.found_house([each for each in subjects if each.startswith(HOUSE)])
            found = await self.select(SELECT_BY_SUBJECT, subjects) if subjects else []
            found += await self.select(SELECT_BY_KID, kids) if kids else []
        except (OperationalError, PoolTimeout, TooManyRequests) as failure:
            raise Unavailable from failure
        until = time.monotonic() + AT_HAND_SECONDS
        for kid in kids:
            self.kids[kid] = (until, None)
        self.lost |= dict.fromkeys(set(subjects) - {row.subject for row in found}, until)
        if len(self.lost) > LOST_MAX:
            self.lost.clear()
        for row in found:
            self.keep(self.keks.unwrap(row))

    async def found_house(self, subjects: Collection[str]) -> None:
        """Make the keys of the house that nobody has made yet; whoever is first is right."""
        for subject in subjects:
            row = self.keks.new_data_key(new_id(), subject)
            async with self.pool.connection() as connection:
                await connection.execute(FOUND, msgspec.structs.astuple(row))

    async def select(self, statement: str, names: Collection[str]) -> list[WrappedKey]:
        """Read wrapped keys by person or by id."""
        async with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(WrappedKey))
            await cursor.execute(statement, (list(names),))
            return await cursor.fetchall()

    def keep(self, key: DataKey) -> None:
        """Have a key at hand for a while; the oldest go first."""
        self.kids.pop(key.kid, None)
        self.kids[key.kid] = (time.monotonic() + AT_HAND_SECONDS, key)
        self.subjects[key.subject] = key.kid
        while len(self.kids) > AT_HAND_MAX:
            _, lost = self.kids.pop(next(iter(self.kids)))
            if lost is not None:
                self.subjects.pop(lost.subject, None)


FOUND = """
INSERT INTO log.data_keys (kid, subject, wrapped, wrapped_by) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
