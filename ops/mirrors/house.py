"""Our side of a campaign: a real ledger with the real sync in front of it, and what it holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import msgspec
from typing_extensions import override

from ledger.application import Ledger
from ledger.commands.bank import AddBranch, RegisterBank
from ledger.commands.command import Command, Context
from ledger.commands.connection import (
    AuthoriseConnection,
    RequestConnection,
    RequestSync,
    RevokeConnection,
    SealedTokens,
)
from ledger.commands.user import RegisterUser
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ledger.times import later_by, utc_text
from ops.banking import ring_of
from ops.settings import Settings
from ops.work import ledger_thread
from schema.principals import email_claim
from workers.bank_reading import mirror_id
from workers.bank_steps import BankSteps
from workers.banks.books import Connection, LedgerBankBooks
from workers.banks.port import BankPort, Tokens
from workers.banks.tokens import TokenVault
from workers.crashpoints import CrashPoint
from workers.database import Clock, Pool, database_clock, open_pool, transaction

POOL_SIZE = 4
NUMBERS = count(1)
OF_EVERY_SYNC = (
    "SyncRequested", "SyncStarted", "SyncCompleted", "BankHistoryRead", "BankBalanceReported",
    "ConnectionTokensRefreshed",
)  # fmt: skip
"""What a sync leaves that found nothing new."""


class Forgetful(LedgerBankBooks):
    """The real ledger, asked by somebody who may have lost every place in a history."""

    lost = False

    @override
    def connection(self, connection_id: str) -> Connection:
        known = super().connection(connection_id)
        return msgspec.structs.replace(known, cursors={}) if self.lost else known


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What we hold of an account: amounts by external id, the balance, an open difference."""

    posted: dict[str, int]
    pending: dict[str, int]
    balance: int
    difference: int


class House:
    """A ledger on a database, and the steps of a sync; `ports` by provider, as they are now."""

    def __init__(
        self, settings: Settings, ledger: Ledger, pool: Pool, clock: Clock, port: BankPort
    ) -> None:
        self.settings, self.ledger, self.pool, self.clock = settings, ledger, pool, clock
        self.ports = {port.provider: port}
        self.bank, self.branch = new_id(), new_id()
        self.books, self.ring = Forgetful(ledger), ring_of(settings)
        self.crashpoint: CrashPoint = lambda _: None
        tokens = TokenVault(
            pool=pool,
            clock=clock,
            ring=self.ring,
            books=self.books,
            ports=self.ports,
            crashpoint=self.pass_by,
        )
        self.steps = BankSteps(books=self.books, ports=self.ports, tokens=tokens)
        bank = RegisterBank(
            bank_id=self.bank,
            name="Mirrored Bank",
            code="MIRRORED",
            country="GB",
            provider=port.provider,
        )
        branch = AddBranch(bank_id=self.bank, branch_id=self.branch, name="Main", country="GB")
        for command in (bank, branch):
            self.handle(command)

    def pass_by(self, point: str) -> None:
        """Pass a crash point of the sync that is under way."""
        self.crashpoint(point)

    def handle(self, command: Command) -> Any:
        """Carry out a command of the product itself."""
        return self.books.handle(command, Context(actor=SYSTEM, correlation_id="mirrors"))

    def customer(self) -> str:
        """Let somebody join; return their id."""
        user_id, email = new_id(), f"mirrored{next(NUMBERS)}@example.com"
        self.handle(
            RegisterUser(
                user_id=user_id,
                email=Private(email, user_id),
                email_claim=email_claim(self.settings.core.index_key, email),
                full_name=Private("Somebody", user_id),
                role="user",
                origin="cli",
                password_hash="",
                data_key_id=new_id(),
            )
        )
        return user_id

    def connected(self, user_id: str, username: str, tokens: Tokens) -> tuple[str, str]:
        """Connect a customer who consented; return the connection and the key of its sync."""
        connection_id, job_key = new_id(), new_id()
        self.handle(
            RequestConnection(
                connection_id=connection_id,
                user_id=user_id,
                bank_id=self.bank,
                bank_branch_id=self.branch,
                username=Private(username, user_id),
                sync_frequency=3_600,
            )
        )
        access = self.ring.seal(tokens.access_token, connection_id)
        refresh = self.ring.seal(tokens.refresh_token or "", connection_id)
        with transaction(self.pool) as connection:
            now = utc_text(self.clock(connection))
        self.handle(
            AuthoriseConnection(
                connection_id=connection_id,
                tokens=SealedTokens(
                    token_ref=new_id(),
                    key_id=access.key_id,
                    access=access.content,
                    refresh=refresh.content,
                    expires_at=later_by(now, tokens.expires_in_seconds),
                ),
                scope=tokens.scope,
                provider_user_id=None,
                consent_expires_at=None,
                job_key=job_key,
            )
        )
        return connection_id, job_key

    def asked(self, connection_id: str) -> str:
        """Ask for another sync; return its key."""
        job_key = new_id()
        self.handle(RequestSync(connection_id=connection_id, job_key=job_key, by="schedule"))
        return job_key

    def left(self, connection_id: str) -> None:
        """End a connection, so that somebody else may mirror its accounts."""
        self.handle(RevokeConnection(connection_id=connection_id))

    def account_of(self, user_id: str, external_account_id: str) -> str:
        """Return the account that mirrors one at the bank."""
        [provider] = self.ports
        return mirror_id(provider, external_account_id, user_id)

    def holding(self, connection_id: str, account_id: str) -> Holding:
        """Return what is held of an account now."""
        state: Any = self.ledger.current_blocking(f"account-{account_id}").state
        waiting = self.ledger.current_blocking(f"connection-{connection_id}").state.waiting
        posted = {
            key.removeprefix(f"{account_id}/"): int(holder.rpartition("/")[2])
            for key, holder in self.rows(LINES, f"{account_id}/%")
        }
        [*found] = self.rows(OPEN, f"BALANCE/{account_id}")
        difference = sum(
            self.ledger.current_blocking(f"reconciliation-{holder}").state.finding.difference
            for (holder,) in found
        )
        return Holding(
            posted={name: amount for name, amount in posted.items() if amount},
            pending={each.external_id: each.amount for each in waiting.values()},
            balance=state.balance,
            difference=difference,
        )

    def news(self) -> int:
        """Return how many events tell more than that a sync took place."""
        [(found,)] = self.rows(NEWS, list(OF_EVERY_SYNC))
        counted: int = found
        return counted

    def rows(self, query: bytes, *values: Any) -> list[tuple[Any, ...]]:
        """Look into the database."""
        with transaction(self.pool) as connection:
            return connection.execute(query, values).fetchall()


@contextmanager
def housed(
    settings: Settings, dsn: str, port: BankPort, clock: Clock = database_clock
) -> Iterator[House]:
    """Run our side for the length of the block, on a new database."""
    with open_pool(dsn, POOL_SIZE) as pool, ledger_thread(settings, dsn) as ledger:
        yield House(settings, ledger, pool, clock, port)


LINES = b"""
SELECT key, holder FROM log.claims
WHERE namespace = 'external_transaction' AND key LIKE %s AND holder LIKE 'posted/%%'
"""
OPEN = b"SELECT holder FROM log.claims WHERE namespace = 'discrepancy' AND key = %s"
NEWS = b"SELECT count(*) FROM log.events WHERE name <> ALL (%s)"
