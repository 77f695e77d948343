"""Tokens: an access token that lives, refreshed once before it is over, whoever needs it.

One process at a time asks a bank for new tokens of a connection. A crash after the bank's answer
and before the commit loses them: then the bank refuses the old ones, and the customer is asked
again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.commands.command import Command, Context
from ledger.commands.connection import RefreshTokens, SealedTokens
from ledger.errors import Reason
from ledger.identity import new_id
from ledger.times import utc_text
from schema.token_ring import TokenRing
from workers.banks.port import BankPort
from workers.banks.port import Tokens as NewTokens
from workers.crashpoints import CrashPoint, harmless
from workers.database import Clock, Pool, transaction
from workers.retries import Failed

MARGIN_SECONDS = 300
"""So much life has to be left in a token that is used."""


class Kept(msgspec.Struct, frozen=True):
    """A row of the vault: ciphertext."""

    token_ref: str
    key_id: str
    access: bytes
    refresh: bytes | None
    expires_at: str


class Recorder(Protocol):
    """Where new tokens are recorded."""

    def handle(self, command: Command, context: Context) -> Any:
        """Carry out a command, durably."""


class TokenVault(msgspec.Struct, frozen=True, kw_only=True):
    """Hands out access tokens; what it returns is never kept or logged."""

    pool: Pool
    clock: Clock
    ring: TokenRing
    books: Recorder
    ports: Mapping[str, BankPort]
    crashpoint: CrashPoint = harmless

    def access(
        self, connection_id: str, provider: str, context: Context, refused: str | None = None
    ) -> str:
        """Return an access token with life in it, and not the one that the bank `refused`.

        Raises `Failed(consent_expired)` when there is none to be had.
        """
        with transaction(self.pool) as connection:
            token = self.living(connection, connection_id, refused)
        if token is not None:
            return token
        with self.turn(connection_id) as connection:
            token = self.living(connection, connection_id, refused)
            if token is not None:
                return token
            return self.refreshed(connection, connection_id, provider, context)

    def living(
        self, connection: Connection[Any], connection_id: str, refused: str | None
    ) -> str | None:
        """Return the access token of the vault if it can be used."""
        kept = read(connection, connection_id)
        if kept is None:
            raise Failed(Reason.CONSENT_EXPIRED)
        soon = self.clock(connection) + timedelta(seconds=MARGIN_SECONDS)
        if kept.expires_at <= utc_text(soon):
            return None
        token = self.ring.open(kept.key_id, kept.access, connection_id)
        return None if token == refused else token

    def refreshed(
        self, connection: Connection[Any], connection_id: str, provider: str, context: Context
    ) -> str:
        """Get new tokens and keep them: the refresh token in the transaction of its event."""
        kept = read(connection, connection_id)
        if kept is None or kept.refresh is None:
            raise Failed(Reason.CONSENT_EXPIRED)
        refresh = self.ring.open(kept.key_id, kept.refresh, connection_id)
        new = self.ports[provider].refresh(refresh)
        self.crashpoint("after_tokens_answered")
        now = self.clock(connection)
        sealed = self.sealed(connection_id, new, refresh, now)
        command = RefreshTokens(connection_id=connection_id, tokens=sealed)
        self.books.handle(command, context)
        self.crashpoint("after_tokens_kept")
        return new.access_token

    def sealed(
        self, connection_id: str, new: NewTokens, refresh: str, now: datetime
    ) -> SealedTokens:
        """Return new tokens as ciphertext; a bank that rotates none keeps the refresh token."""
        access = self.ring.seal(new.access_token, connection_id)
        again = self.ring.seal(new.refresh_token or refresh, connection_id)
        return SealedTokens(
            token_ref=new_id(),
            key_id=access.key_id,
            access=access.content,
            refresh=again.content,
            expires_at=utc_text(now + timedelta(seconds=new.expires_in_seconds)),
        )

    @contextmanager
    def turn(self, connection_id: str) -> Iterator[Connection[Any]]:
        """Be the only one in all processes that asks for new tokens of a connection."""
        with transaction(self.pool) as connection:
            connection.execute("SET LOCAL statement_timeout = '60s'")
            connection.execute(TURN, (connection_id,))
            yield connection

    def end(self, connection_id: str, provider: str) -> None:
        """Revoke what a connection's tokens allow, at the bank."""
        with transaction(self.pool) as connection:
            kept = read(connection, connection_id)
        if kept is None:
            return
        sealed = kept.access if kept.refresh is None else kept.refresh
        self.ports[provider].revoke(self.ring.open(kept.key_id, sealed, connection_id))

    def destroy(self, connection_id: str) -> None:
        """Forget the tokens of a connection for good."""
        with transaction(self.pool) as connection:
            connection.execute(DESTROY, (connection_id,))


def read(connection: Connection[Any], connection_id: str) -> Kept | None:
    """Return what the vault keeps of a connection."""
    with connection.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(READ, (connection_id,)).fetchone()


TURN = "SELECT pg_advisory_xact_lock(hashtextextended('log.bank_tokens/' || %s, 0))"
READ = """
SELECT token_ref::text, key_id, access, refresh, expires_at
FROM log.bank_tokens WHERE connection_id = %s
"""
DESTROY = "DELETE FROM log.bank_tokens WHERE connection_id = %s"
