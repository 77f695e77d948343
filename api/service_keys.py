"""API keys of service accounts: made once, recognised by their hash, judged by what is true now."""

import hmac
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol, TypeAlias

import msgspec

from api.callers import API_KEY, Principal
from ledger.errors import Reason, Refused
from ledger.times import utc_text
from schema.postgres import Pool
from schema.service_keys import ServiceKeyRow, note_use, service_key_of

KEY = re.compile(r"lbk_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[0-9a-f]{76}", re.ASCII)
SHOWN_BYTES, SECRET_BYTES = 6, 32
"""What a key may be told from others by, and what nobody is ever shown again."""
REMEMBERED_SECONDS, REMEMBERED_KEYS = 60, 10_000


class Machine(Protocol):
    """What is known of an active service account."""

    @property
    def generation(self) -> int:
        """Return which of the account's keys counts."""

    @property
    def scopes(self) -> frozenset[str]:
        """Return what it may do."""


Remembered: TypeAlias = Callable[[str], Machine | None]
"""What this process remembers of an active service account; None when it does not."""


class Genuine(msgspec.Struct, frozen=True):
    """A key that was found genuine: whose it is, which one, and until when that is believed."""

    service_id: str
    generation: int
    until: int


class NewKey(msgspec.Struct, frozen=True):
    """A key as its owner gets it, the part that may be shown later, and the hash that is kept."""

    text: str
    prefix: str
    digest: bytes


def new_key(service_id: str) -> NewKey:
    """Make a key for a service account: 256 secret bits behind 48 that may be shown."""
    prefix = f"{API_KEY}{service_id}_{secrets.token_hex(SHOWN_BYTES)}"
    text = prefix + secrets.token_hex(SECRET_BYTES)
    return NewKey(text, prefix, digest_of(text))


def digest_of(key: str) -> bytes:
    """Return the hash a key is recognised by; it is too long to be guessed, so one is enough."""
    return sha256(key.encode()).digest()


def nothing_remembered(_service_id: str) -> None:
    """Remember nothing, so that every request asks the database."""


class ServiceKeys:
    """Proves which service account calls. `clock` tells Unix seconds."""

    def __init__(
        self, pool: Pool, clock: Callable[[], int], remembered: Remembered = nothing_remembered
    ) -> None:
        self.pool, self.clock, self.remembered = pool, clock, remembered
        self.genuine: dict[bytes, Genuine] = {}

    async def principal(self, key: str, *, fresh: bool) -> Principal:
        """Return whose key this is, or refuse: an unknown or replaced key, a disabled account.

        Unless it must be `fresh`, memory may admit for a minute: the append judges again. Before
        anybody is turned away the database is asked.
        """
        form = KEY.fullmatch(key)
        if form is None:
            raise Refused(Reason.INVALID_TOKEN)
        digest, now = digest_of(key), self.clock()
        if not fresh:
            known = self.genuine.get(digest)
            machine = self.remembered(form[1])
            if known and machine and known.until > now and known.generation == machine.generation:
                return principal_of(form[1], machine.generation, machine.scopes)
        row = await self.judged(form[1], digest, now)
        self.remember(digest, Genuine(form[1], row.generation, now + REMEMBERED_SECONDS))
        return principal_of(form[1], row.generation, frozenset(row.scopes))

    async def judged(self, service_id: str, digest: bytes, now: int) -> ServiceKeyRow:
        """Return what is stored of the account whose key this is, and note that it called."""
        async with self.pool.connection() as connection:
            row = await service_key_of(connection, service_id)
            if row is None or not hmac.compare_digest(row.key_hash, digest):
                raise Refused(Reason.INVALID_TOKEN)
            if row.status != "ACTIVE":
                raise Refused(Reason.TOKEN_REVOKED)
            if row.last_used_at is None or row.last_used_at < moment(now - REMEMBERED_SECONDS):
                await note_use(connection, service_id, moment(now))
        return row

    def remember(self, digest: bytes, genuine: Genuine) -> None:
        """Spare the next command the database; the oldest makes room."""
        self.genuine.pop(digest, None)
        while len(self.genuine) >= REMEMBERED_KEYS:
            del self.genuine[next(iter(self.genuine))]
        self.genuine[digest] = genuine


def principal_of(service_id: str, generation: int, scopes: frozenset[str]) -> Principal:
    """Return a service account as a caller."""
    return Principal(
        kind="service", id=service_id, role="service", session_version=generation, scopes=scopes
    )


def moment(seconds: int) -> str:
    """Return a time as the product writes it."""
    return utc_text(datetime.fromtimestamp(seconds, UTC))
