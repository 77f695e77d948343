"""Demo accounts: mirrors of those at the sandbox bank, connected and told as a sync tells them.

Every step that is missing is made, in order. Nobody else reads the bank meanwhile: workers that are
awake want a token first, and wait for their turn; whatever they have read since is left to them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from ledger.commands.connection import (
    AuthoriseConnection,
    BankLine,
    ReportBalance,
    RequestConnection,
    SealedTokens,
    TakeBankAccount,
    TakeBankPage,
)
from ledger.commands.payment import (
    CompletePayment,
    CreatePayment,
    ProcessPayment,
    RecordSubmission,
)
from ledger.events.event import Private
from ledger.identity import derived_id
from ledger.money import decimal_text
from ledger.times import utc_text
from ops.demo import DemoAccount
from ops.sandbox_bank.initial import BEGINNING, OPENED, SCOPE, Told, lasting_refresh
from ops.seeding.author import Author, actor_of
from schema.postgres import Pool
from schema.token_ring import TokenRing
from workers.banks.tokens import TURN

SYNC_SECONDS = 3_600
FIRST = utc_text(datetime.fromisoformat(OPENED))
"""As of when the first balance is told."""
NO_TOKEN_YET = ""
"""The first use of a connection gets its access token from the bank."""


class Mirrors:
    """Makes demo accounts through one author."""

    def __init__(self, author: Author, pool: Pool, ring: TokenRing) -> None:
        self.author, self.pool, self.ring = author, pool, ring

    async def mirror(self, account: DemoAccount) -> None:
        """Connect one account and let everything happen on it, as far as that has not happened."""
        if self.is_told(account, await self.known(account)):
            return
        async with self.alone_with(account.connection_id):
            await self.connect(account)
            await self.tell(account)

    async def known(self, account: DemoAccount) -> Any:
        """Return what has become of a connection."""
        return await self.author.state(f"connection-{account.connection_id}")

    def is_told(self, account: DemoAccount, known: Any) -> bool:
        """Say whether everything was told to the end, by a seeding or by a sync."""
        reported: dict[str, tuple[int, str]] = getattr(known, "reported", {})
        _, as_of = reported.get(account.account_id, (0, FIRST))
        return as_of != FIRST

    @asynccontextmanager
    async def alone_with(self, connection_id: str) -> AsyncIterator[None]:
        """Keep everybody else from getting tokens of a connection for the length of the block."""
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(PATIENCE)
            await connection.execute(TURN, (connection_id,))
            yield

    async def connect(self, account: DemoAccount) -> None:
        """Let the owner ask for a connection and consent, and the account be found."""
        owner = actor_of(account.owner)
        if await self.author.is_new(f"connection-{account.connection_id}"):
            await self.author.handle(request_of(account), owner)
        if (await self.known(account)).consent is None:
            await self.author.handle(self.consent_of(account), owner)
        if not (await self.known(account)).accounts:
            await self.author.handle(finding_of(account))

    def consent_of(self, account: DemoAccount) -> AuthoriseConnection:
        """Return the consent that the bank knows of already; it has no end."""
        connection_id, username = account.connection_id, account.mirrored.username
        access = self.ring.seal(NO_TOKEN_YET, connection_id)
        return AuthoriseConnection(
            connection_id=connection_id,
            tokens=SealedTokens(
                token_ref=derived_id("demo", "tokens", account.name),
                key_id=access.key_id,
                access=access.content,
                refresh=self.ring.seal(lasting_refresh(username), connection_id).content,
                expires_at=utc_text(datetime.now(UTC)),
            ),
            scope=SCOPE,
            provider_user_id=Private(f"user_{username}", account.owner.user_id),
            consent_expires_at=None,
            job_key=derived_id("demo", "sync", account.name),
        )

    async def tell(self, account: DemoAccount) -> None:
        """Take over the first balance, make the payment, mirror the lines, compare."""
        opening, known = account.mirrored.opening, await self.known(account)
        if account.account_id not in known.reported:
            await self.author.handle(balance_of(account, opening, FIRST))
        if account.account_id not in known.cursors:
            for line in account.lines:
                if line.payment_id is not None:
                    await self.pay(account, line, line.payment_id)
            await self.author.handle(page_of(account))
        if not self.is_told(account, await self.known(account)):
            final = opening + sum(line.amount for line in account.lines)
            await self.author.handle(balance_of(account, final, at(account.lines[-1].occurred_at)))

    async def pay(self, account: DemoAccount, line: Told, payment_id: str) -> None:
        """Bring one payment to its end, from wherever an earlier run left it."""
        stream, owner = f"payment-{payment_id}", actor_of(account.owner)
        if await self.author.is_new(stream):
            await self.author.handle(payment_of(account, line, payment_id), owner)
        process = ProcessPayment(payment_id=payment_id)
        submit = RecordSubmission(payment_id=payment_id, rail_reference=None, attempt=1)
        complete = CompletePayment(
            payment_id=payment_id,
            posting_id=derived_id("posting", payment_id),
            external_transaction_id=line.id,
        )
        if status_of(await self.author.state(stream)) == "PENDING":
            await self.author.handle(process, owner)
        state = await self.author.state(stream)
        if status_of(state) == "PROCESSING" and not state.submissions:
            await self.author.handle(submit)
        if status_of(await self.author.state(stream)) == "PROCESSING":
            await self.author.handle(complete)


def status_of(payment: Any) -> str:
    """Return what a payment is now."""
    return str(payment.__struct_config__.tag)


def request_of(account: DemoAccount) -> RequestConnection:
    """Return the wish for a connection."""
    owner, branch = account.owner.user_id, account.branch
    return RequestConnection(
        connection_id=account.connection_id,
        user_id=owner,
        bank_id=branch.bank_id,
        bank_branch_id=branch.branch_id,
        username=Private(account.mirrored.username, owner),
        sync_frequency=SYNC_SECONDS,
    )


def finding_of(account: DemoAccount) -> TakeBankAccount:
    """Return the account as the bank tells of it."""
    mirrored = account.mirrored
    return TakeBankAccount(
        connection_id=account.connection_id,
        account_id=account.account_id,
        external_account_id=mirrored.id,
        name=Private(mirrored.name, account.owner.user_id),
        currency=mirrored.currency,
        account_type=mirrored.type,
        last_four=mirrored.last_four,
    )


def balance_of(account: DemoAccount, amount: int, as_of: str) -> ReportBalance:
    """Return a balance as the bank tells it, in minor units."""
    return ReportBalance(
        connection_id=account.connection_id,
        account_id=account.account_id,
        amount=amount,
        currency=account.mirrored.currency,
        as_of=as_of,
        discrepancy_id=derived_id("demo", "discrepancy", account.name, as_of),
    )


def page_of(account: DemoAccount) -> TakeBankPage:
    """Return the whole history as the bank tells it; a sync reads it once more."""
    lines = tuple(
        BankLine(
            external_id=line.id,
            amount=line.amount,
            currency=account.mirrored.currency,
            description=Private(line.description, account.owner.user_id),
            occurred_at=at(line.occurred_at),
            status="posted",
            payment_id=line.payment_id,
        )
        for line in account.lines
    )
    return TakeBankPage(
        connection_id=account.connection_id,
        account_id=account.account_id,
        lines=lines,
        cursor=BEGINNING,
    )


def payment_of(account: DemoAccount, line: Told, payment_id: str) -> CreatePayment:
    """Return the wish for the payment that a line is."""
    currency = account.mirrored.currency
    return CreatePayment(
        payment_id=payment_id,
        user_bank_account_id=account.account_id,
        amount=decimal_text(abs(line.amount), currency),
        currency=currency,
        direction="CREDIT" if line.amount > 0 else "DEBIT",
        payment_type=account.payment_type,
        description=Private(line.description, account.owner.user_id),
    )


def at(moment: str) -> str:
    """Return a time as events have it."""
    return utc_text(datetime.fromisoformat(moment))


PATIENCE = "SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '60s'"
