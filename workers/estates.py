"""Estates: what a person has that is still open, found in the read models."""

from typing import Any, Protocol

from psycopg import Connection
from typing_extensions import override

from ledger.events.user import UserDeleted
from projections.catalogue import ALL
from workers.database import Pool


class Estates(Protocol):
    """What deleted people leave behind."""

    def is_told(self, position: int) -> bool:
        """Say whether everything up to `position` of the log is known here, and erased."""

    def pending_payments(self, user_id: str) -> list[str]:
        """Return the payments of a person that have not started."""

    def client_holds(self, user_id: str) -> list[str]:
        """Return the active holds of clients on a person's accounts."""

    def accounts(self, user_id: str) -> list[str]:
        """Return the accounts of a person that are not closed."""

    def connections(self, user_id: str) -> list[str]:
        """Return the connections of a person with outside banks that are not revoked."""

    def endpoints(self, user_id: str) -> list[str]:
        """Return the webhook endpoints of a person that are not removed."""


class ReadEstates(Estates):
    """The real ones. They are read models: ask `is_told` first."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    @override
    def is_told(self, position: int) -> bool:
        with self.pool.connection() as connection:
            [(behind,)] = connection.execute(BEHIND, (ERASING, position)).fetchall()
        return not behind

    @override
    def pending_payments(self, user_id: str) -> list[str]:
        return self.ids(PAYMENTS, user_id)

    @override
    def client_holds(self, user_id: str) -> list[str]:
        return self.ids(HOLDS, user_id)

    @override
    def accounts(self, user_id: str) -> list[str]:
        return self.ids(ACCOUNTS, user_id)

    @override
    def connections(self, user_id: str) -> list[str]:
        return self.ids(CONNECTIONS, user_id)

    @override
    def endpoints(self, user_id: str) -> list[str]:
        return self.ids(ENDPOINTS, user_id)

    def ids(self, query: bytes, user_id: str) -> list[str]:
        """Return the first column of what a query finds for a person."""
        with self.pool.connection() as connection:
            return ids_of(connection, query, user_id)


def ids_of(connection: Connection[Any], query: bytes, user_id: str) -> list[str]:
    """Return the first column of what a query finds for a person, in a stable order."""
    return [row[0] for row in connection.execute(query, {"user_id": user_id}).fetchall()]


ERASING = [each.name for each in ALL if UserDeleted in each.on]
"""Every read model that tells something of people."""

BEHIND = b"""
SELECT EXISTS (SELECT FROM read.checkpoints WHERE projection = ANY(%s) AND position < %s)
"""

PAYMENTS = b"""
SELECT id::text FROM read.payments
WHERE user_id = %(user_id)s AND status = 'PENDING'
ORDER BY inserted_at, id
"""

HOLDS = b"""
SELECT holds.id::text FROM read.holds
JOIN read.accounts ON accounts.id = holds.account_id
WHERE accounts.user_id = %(user_id)s AND holds.purpose = 'CLIENT' AND holds.status = 'ACTIVE'
ORDER BY holds.inserted_at, holds.id
"""

CONNECTIONS = b"""
SELECT id::text FROM read.connections
WHERE user_id = %(user_id)s AND status <> 'REVOKED'
ORDER BY inserted_at, id
"""

ENDPOINTS = b"""
SELECT id::text FROM read.webhook_endpoints
WHERE user_id = %(user_id)s
ORDER BY inserted_at, id
"""

ACCOUNTS = b"""
SELECT id::text FROM read.accounts
WHERE user_id = %(user_id)s AND status <> 'CLOSED'
ORDER BY inserted_at, id
"""
