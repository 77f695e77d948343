"""Commands about outside banks, as tests ask them: one connection of one customer, one account."""

from typing import Any

from ledger.commands.bank import AddBranch, RegisterBank, UpdateBank
from ledger.commands.command import Command
from ledger.commands.connection import (
    AuthoriseConnection,
    BankLine,
    ChangeSyncFrequency,
    CompleteSync,
    DenyConnection,
    ExpireConnection,
    FailSync,
    RefreshTokens,
    ReopenConnection,
    ReportBalance,
    RequestConnection,
    RequestSync,
    RevokeConnection,
    SealedTokens,
    StartSync,
    TakeBankAccount,
    TakeBankPage,
)
from ledger.commands.payment import CreatePayment
from ledger.commands.reconciliation import ReportMissingPayment, ResolveDiscrepancy
from ledger.commands.webhook import ReportBankNews, ReportFraud, ReportPayment
from ledger.events.recorded import SYSTEM, Actor
from tests.builders import ANNA, AS_ADA, AS_ANNA, MIDNIGHT, identity, seal

BANK, BRANCH, CONNECTION = identity("bank"), identity("branch"), identity("connection")
MIRROR, JOB, FOUND = identity("mirror"), identity("sync"), identity("found")
LIST_BANK = RegisterBank(
    bank_id=BANK, name="Gringotts", code="GRIN", country="GB", provider="sandbox"
)
ADD_BRANCH = AddBranch(bank_id=BANK, branch_id=BRANCH, name="Diagon Alley", country="GB")


def request(connection_id: str = CONNECTION, user_id: str = ANNA, **more: Any) -> RequestConnection:
    fields: dict[str, Any] = {
        "bank_id": BANK,
        "bank_branch_id": BRANCH,
        "username": seal("anna", user_id),
        "sync_frequency": 3_600,
    }
    return RequestConnection(connection_id=connection_id, user_id=user_id, **fields | more)


def tokens(name: str = "first") -> SealedTokens:
    return SealedTokens(
        token_ref=identity(name),
        key_id="t1",
        access=b"sealed " + name.encode(),
        refresh=b"sealed too",
        expires_at=MIDNIGHT,
    )


def consent(connection_id: str = CONNECTION, until: str | None = None) -> AuthoriseConnection:
    return AuthoriseConnection(
        connection_id=connection_id,
        tokens=tokens(),
        scope="accounts",
        provider_user_id=None,
        consent_expires_at=until,
        job_key=JOB,
    )


def mirror(external: str = "acc_1", account_id: str = MIRROR, **more: Any) -> TakeBankAccount:
    return TakeBankAccount(
        connection_id=CONNECTION,
        account_id=account_id,
        external_account_id=external,
        name=seal("Current account"),
        currency="USD",
        account_type="CHECKING",
        last_four="4242",
        **more,
    )


def line(external_id: str, amount: int, status: str = "posted", **more: Any) -> BankLine:
    return BankLine(
        external_id=external_id,
        amount=amount,
        currency="USD",
        description=seal("Coffee"),
        occurred_at=MIDNIGHT,
        status=status,
        **more,
    )


def page(*lines: BankLine, removed: tuple[str, ...] = (), cursor: str | None = None) -> Command:
    return TakeBankPage(
        connection_id=CONNECTION, account_id=MIRROR, lines=lines, removed=removed, cursor=cursor
    )


def report(amount: int, discrepancy_id: str = FOUND) -> ReportBalance:
    return ReportBalance(
        connection_id=CONNECTION,
        account_id=MIRROR,
        amount=amount,
        currency="USD",
        as_of=MIDNIGHT,
        discrepancy_id=discrepancy_id,
    )


def ask_sync(name: str = "another sync", by: str = "caller") -> RequestSync:
    return RequestSync(connection_id=CONNECTION, job_key=identity(name), by=by)


def paying(amount: str = "5.00", direction: str = "DEBIT") -> CreatePayment:
    return CreatePayment(
        payment_id=identity("payment out"),
        user_bank_account_id=MIRROR,
        amount=amount,
        currency="USD",
        direction=direction,
        payment_type="PAYMENT",
        description=seal("Rent"),
    )


def resolve(*, adjust: bool = True, found: str = FOUND) -> ResolveDiscrepancy:
    return ResolveDiscrepancy(
        discrepancy_id=found,
        note="Asked the bank",
        adjust=adjust,
        posting_id=identity(f"adjustment of {found}"),
    )


def reported(status: str = "completed", name: str = "evt", **more: Any) -> ReportPayment:
    fields: dict[str, Any] = {"amount": "5.00", "currency": "USD", **more}
    return ReportPayment(
        webhook_id=identity(name),
        event_id=name,
        payment_id=identity("payment out"),
        status=status,
        **fields,
    )


def told_news(name: str = "evt") -> ReportBankNews:
    return ReportBankNews(
        webhook_id=identity(name),
        event_id=name,
        user_id=ANNA,
        bank_id=BANK,
        connections=((CONNECTION, identity("sync by news")),),
    )


def suspected(severity: str = "high", name: str = "evt") -> ReportFraud:
    return ReportFraud(
        webhook_id=identity(name),
        event_id=name,
        payment_id=identity("payment out"),
        severity=severity,
        risk_score="97",
        recommended_action="block",
    )


def finish(job_key: str = JOB) -> CompleteSync:
    return CompleteSync(
        connection_id=CONNECTION, job_key=job_key, accounts=1, imported=0, matched=0, duration_ms=5
    )


LISTED: list[Command] = [LIST_BANK, ADD_BRANCH]
CONNECTED: list[Command] = [*LISTED, request(), consent()]
MIRRORED: list[Command] = [*CONNECTED, mirror(), report(100_00)]
ABOUT_OUTSIDE_BANKS: list[tuple[list[Command], Command, Actor]] = [
    ([LIST_BANK], UpdateBank(bank_id=BANK, changes={"status": "INACTIVE"}), AS_ADA),
    (LISTED, request(), SYSTEM),
    (CONNECTED, ReopenConnection(connection_id=CONNECTION), AS_ANNA),
    ([*LISTED, request()], consent(), SYSTEM),
    (CONNECTED, RefreshTokens(connection_id=CONNECTION, tokens=tokens("second")), SYSTEM),
    ([*LISTED, request()], DenyConnection(connection_id=CONNECTION), SYSTEM),
    (CONNECTED, ExpireConnection(connection_id=CONNECTION, refused=True), SYSTEM),
    (CONNECTED, ChangeSyncFrequency(connection_id=CONNECTION, seconds=600), AS_ANNA),
    (MIRRORED, RevokeConnection(connection_id=CONNECTION), AS_ANNA),
    (CONNECTED, ask_sync(), AS_ANNA),
    (CONNECTED, StartSync(connection_id=CONNECTION, job_key=JOB), SYSTEM),
    (CONNECTED, finish(), SYSTEM),
    (
        CONNECTED,
        FailSync(connection_id=CONNECTION, job_key=JOB, reason="timeout", attempt=4),
        SYSTEM,
    ),
    (CONNECTED, mirror(), SYSTEM),
    (MIRRORED, page(line("tx_1", -5), line("tx_2", 5, "pending"), cursor="x"), SYSTEM),
    (MIRRORED, report(1), SYSTEM),
    ([*MIRRORED, report(1)], resolve(adjust=False), AS_ADA),
    (MIRRORED, ReportMissingPayment(payment_id=identity("payment out")), SYSTEM),
    ([*MIRRORED, paying()], reported(), SYSTEM),
    (CONNECTED, told_news(), SYSTEM),
    ([*MIRRORED, paying()], suspected(), SYSTEM),
]
"""What was done before by an administrator, a command, and who asks for it twice."""
