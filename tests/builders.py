"""People, accounts and wishes that tests speak of; every id is derived from a readable name."""

from decimal import Decimal
from typing import Any, TypeAlias

from msgspec.structs import asdict

from ledger.commands.account import OpenAccount
from ledger.commands.hold import CaptureClientHold, PlaceClientHold, ReleaseClientHold
from ledger.commands.payment import (
    CancelPayment,
    CompletePayment,
    CreatePayment,
    EditPayment,
    FailPayment,
    ProcessPayment,
    RecordSubmission,
    RehearsePayment,
)
from ledger.commands.period import ClosePeriod, ReopenPeriod
from ledger.commands.posting import ReversePosting
from ledger.commands.quote import IssueQuote
from ledger.commands.service_account import CreateServiceAccount, RotateServiceKey
from ledger.commands.session import EndSession, RefreshSession, StartSession
from ledger.commands.transfer import MakeTransfer, MakeTransfers
from ledger.commands.user import RegisterUser
from ledger.events.account import AccountCredited, AccountOpened, HoldPlaced
from ledger.events.event import Event, Sealed
from ledger.events.payment import PaymentCreated
from ledger.events.period import Sum
from ledger.events.recorded import Actor
from ledger.events.service_account import ServiceAccountCreated
from ledger.events.session import SessionStarted
from ledger.events.user import UserRegistered
from ledger.identity import derived_id
from ledger.policies.access import SCOPES, ServiceActor
from ledger.policies.limits import Rules

Line: TypeAlias = tuple[str, Event]
"""A stream and a fact about it."""


def identity(name: str) -> str:
    return derived_id("tests", name)


ANNA, BORIS, ADA, SUE, AUDREY = (
    identity(name) for name in ("anna", "boris", "ada", "sue", "audrey")
)
HERS, ALSO_HERS, HIS, FOREIGN = (identity(name) for name in ("hers", "also hers", "his", "foreign"))
PAYMENT, OTHER_PAYMENT, TRANSFER, POSTING, OTHER_POSTING = (
    identity(name) for name in ("payment", "other payment", "transfer", "posting", "other posting")
)
BULK, QUOTE, REVERSAL = (identity(name) for name in ("bulk", "quote", "reversal"))
HOLD, OTHER_HOLD = identity("hold"), identity("other hold")
SESSION, FIRST, SECOND, THIRD = (identity(name) for name in ("session", "first", "second", "third"))


def human(user_id: str, role: str = "user") -> Actor:
    return Actor(type="user", id=user_id, role=role)


AS_ANNA, AS_BORIS, AS_ADA = human(ANNA), human(BORIS), human(ADA, "admin")
AS_SUE, AS_AUDREY = human(SUE, "support"), human(AUDREY, "auditor")
ROBOT = identity("robot")
AS_ROBOT = ServiceActor(type="service", id=ROBOT, role="service", scopes=frozenset(SCOPES))

NOON = "2026-03-14T12:00:00.000000Z"
BEFORE_MIDNIGHT = "2026-03-14T23:59:59.999999Z"
MIDNIGHT = "2026-03-15T00:00:00.000000Z"
NEXT_NOON = "2026-03-15T12:00:00.000000Z"
TODAY, TOMORROW = "2026-03-14", "2026-03-15"

RULES = Rules(
    daily_limits={"CHECKING": Decimal(1_000), "CREDIT": Decimal(500)},
    daily_limit_default=Decimal(2_000),
    single_limit=Decimal(800),
    duplicate_window_seconds=300,
)
"""In USD: 800.00 at once; 1,000.00 a day from a CHECKING account."""


def seal(text: str, owner: str = ANNA) -> Sealed:
    return Sealed(enc=f"<{text}>", kid=f"key of {owner}")


def user(user_id: str, role: str = "user") -> list[Line]:
    fact = UserRegistered(
        user_id=user_id,
        email=seal(f"{user_id}@example.com", user_id),
        full_name=seal("Somebody", user_id),
        role=role,
        origin="demo",
    )
    return [(f"user-{user_id}", fact)]


def account(account_id: str, owner: str, *, balance: int = 0, **terms: Any) -> list[Line]:
    """Return an open account; `terms` replace the fields of its opening."""
    fields: dict[str, Any] = {
        "currency": "USD",
        "account_type": "CHECKING",
        "account_name": seal("Everyday", owner),
        "last_four": "1234",
        "credit_limit": 0,
    }
    lines: list[Line] = [
        (f"account-{account_id}", AccountOpened(user_id=owner, **(fields | terms)))
    ]
    if balance:
        first = AccountCredited(
            posting_id=identity("first money"),
            entry_id=identity("first entry"),
            amount=balance,
            balance_after=balance,
        )
        lines.append((f"account-{account_id}", first))
    return lines


def machine(*scopes: str) -> list[Line]:
    """Return a service account with its first key."""
    fact = ServiceAccountCreated(name="Payroll", scopes=scopes, key_prefix=f"lbk_{ROBOT}_1")
    return [(f"service-{ROBOT}", fact)]


PEOPLE: list[Line] = [
    *user(ANNA),
    *user(BORIS),
    *user(ADA, "admin"),
    *user(SUE, "support"),
    *user(AUDREY, "auditor"),
]
TOWN: list[Line] = [
    *PEOPLE,
    *account(HERS, ANNA, balance=100_000),
    *account(ALSO_HERS, ANNA),
    *account(HIS, BORIS),
    *account(FOREIGN, BORIS, currency="JPY"),
]
"""Anna has 1,000.00 USD in HERS; Boris has nothing in HIS (USD) and FOREIGN (JPY)."""
TOWN_WITH_ROBOT: list[Line] = [*TOWN, *machine(*SCOPES)]


def registration(user_id: str, **fields: Any) -> RegisterUser:
    known: dict[str, Any] = {
        "email": seal("new@example.com", user_id),
        "email_claim": "claim of new@example.com",
        "full_name": seal("New Comer", user_id),
        "password_hash": "$argon2id$",
        "data_key_id": identity(f"key of {user_id}"),
    }
    return RegisterUser(user_id=user_id, **(known | fields))


def opening(account_id: str, owner: str, **fields: Any) -> OpenAccount:
    known: dict[str, Any] = {
        "currency": "USD",
        "account_type": "CHECKING",
        "account_name": seal("Everyday", owner),
        "last_four": "1234",
        "opening_posting_id": identity(f"opening of {account_id}"),
    }
    return OpenAccount(account_id=account_id, user_id=owner, **(known | fields))


def transfer(amount: str = "10.00", **fields: Any) -> MakeTransfer:
    """Return a transfer from HERS to HIS; `fields` replace what it says."""
    known: dict[str, Any] = {
        "transfer_id": TRANSFER,
        "posting_id": POSTING,
        "source_account_id": HERS,
        "destination_account_id": HIS,
        "currency": None,
        "description": seal("Rent"),
    }
    return MakeTransfer(amount=amount, **(known | fields))


def transfers(*each: MakeTransfer, atomic: bool = True) -> MakeTransfers:
    return MakeTransfers(bulk_id=BULK, transfers=each, atomic=atomic)


def exchange(amount: str = "10.00", **fields: Any) -> MakeTransfer:
    """Return a transfer from HERS (USD) to FOREIGN (JPY) by QUOTE."""
    return transfer(amount, **({"destination_account_id": FOREIGN, "fx_quote_id": QUOTE} | fields))


def quoting(**fields: Any) -> IssueQuote:
    """Return the wish for QUOTE: 10.00 USD for yen at 150.125, for half a minute."""
    known: dict[str, Any] = {
        "quote_id": QUOTE,
        "source_currency": "USD",
        "destination_currency": "JPY",
        "source_amount": 1_000,
        "destination_amount": None,
        "rate": "150.125",
        "rate_source": "tests",
        "rate_as_of": NOON,
        "lasts_seconds": 30,
    }
    return IssueQuote(**(known | fields))


def reversal(posting_id: str = POSTING, **fields: Any) -> ReversePosting:
    known: dict[str, Any] = {"reversal_posting_id": REVERSAL, "reason": "Booked by mistake"}
    return ReversePosting(posting_id=posting_id, **(known | fields))


def closing(period: str = "2026-02", seen: int = 0) -> ClosePeriod:
    sums = (Sum(code="customers:USD", currency="USD", debit_total="0", credit_total="0"),)
    return ClosePeriod(period=period, position=7, sums=sums, seen=seen)


def reopening(period: str = "2026-02") -> ReopenPeriod:
    return ReopenPeriod(period=period, reason="A statement came late")


def wish(amount: str = "10.00", **fields: Any) -> CreatePayment:
    """Return the creation of a withdrawal from HERS; `fields` replace what it says."""
    known: dict[str, Any] = {
        "payment_id": PAYMENT,
        "user_bank_account_id": HERS,
        "currency": None,
        "direction": "DEBIT",
        "payment_type": "WITHDRAWAL",
        "description": seal("Groceries"),
    }
    return CreatePayment(amount=amount, **(known | fields))


def created(
    amount: int = 1_000, payment_id: str = PAYMENT, **fields: Any
) -> tuple[str, PaymentCreated]:
    """Return the fact that `wish` leads to, in minor units."""
    known: dict[str, Any] = {
        "user_id": ANNA,
        "user_bank_account_id": HERS,
        "currency": "USD",
        "direction": "DEBIT",
        "payment_type": "WITHDRAWAL",
        "description": seal("Groceries"),
        "rail": "book",
        "created_by": ANNA,
    }
    return f"payment-{payment_id}", PaymentCreated(amount=amount, **(known | fields))


def process(payment_id: str = PAYMENT, trigger: str = "caller") -> ProcessPayment:
    return ProcessPayment(payment_id=payment_id, trigger=trigger)


def cancel(payment_id: str = PAYMENT) -> CancelPayment:
    return CancelPayment(payment_id=payment_id)


def edit(payment_id: str = PAYMENT, **texts: Sealed) -> EditPayment:
    return EditPayment(payment_id=payment_id, **texts)


def placing(amount: str = "10.00", hold_id: str = HOLD, **fields: Any) -> PlaceClientHold:
    """Return a hold on HERS for an hour; `fields` replace what it says."""
    known: dict[str, Any] = {
        "account_id": HERS,
        "currency": None,
        "description": seal("Deposit"),
        "expires_in_seconds": 3_600,
    }
    return PlaceClientHold(amount=amount, hold_id=hold_id, **(known | fields))


def capturing(amount: str | None = None, hold_id: str = HOLD, **fields: Any) -> CaptureClientHold:
    """Return a capture to HIS; `fields` replace what it says."""
    known: dict[str, Any] = {"posting_id": POSTING, "destination_account_id": HIS}
    return CaptureClientHold(amount=amount, hold_id=hold_id, **(known | fields))


def releasing(hold_id: str = HOLD) -> ReleaseClientHold:
    return ReleaseClientHold(hold_id=hold_id)


def submission(
    payment_id: str = PAYMENT, attempt: int = 1, ref: str | None = None
) -> RecordSubmission:
    return RecordSubmission(payment_id=payment_id, attempt=attempt, rail_reference=ref)


def completion(payment_id: str = PAYMENT, posting_id: str = POSTING) -> CompletePayment:
    return CompletePayment(payment_id=payment_id, posting_id=posting_id)


def failure(payment_id: str = PAYMENT) -> FailPayment:
    return FailPayment(
        payment_id=payment_id,
        reason="payment_declined",
        category="business_rule",
        attempts=1,
    )


def held(amount: int, hold_id: str = PAYMENT, **fields: Any) -> HoldPlaced:
    known: dict[str, Any] = {
        "purpose": "PAYMENT",
        "placed_by": ANNA,
        "payment_id": hold_id,
        "destination_account_id": None,
        "description": seal("Groceries"),
        "reference": None,
        "expires_at": None,
        "day": TODAY,
    }
    return HoldPlaced(hold_id=hold_id, amount=amount, **(known | fields))


def session_started(user_id: str = ANNA) -> tuple[str, SessionStarted]:
    fact = SessionStarted(
        session_id=SESSION,
        user_id=user_id,
        jti=FIRST,
        expires_at=NEXT_NOON,
        ip=None,
        user_agent=None,
    )
    return f"session-{SESSION}", fact


def sign_in(user_id: str = ANNA) -> StartSession:
    return StartSession(session_id=SESSION, user_id=user_id, jti=FIRST, expires_at=NEXT_NOON)


def new_machine(**fields: Any) -> CreateServiceAccount:
    known: dict[str, Any] = {
        "service_id": ROBOT,
        "name": "Payroll",
        "scopes": ("transfers:write",),
        "key_prefix": f"lbk_{ROBOT}_1",
        "key_hash": b"1" * 32,
        "data_key_id": identity("key of robot"),
    }
    return CreateServiceAccount(**(known | fields))


def new_key(number: int = 2) -> RotateServiceKey:
    """Return the wish for a machine's key of this number."""
    digest = str(number).encode() * 32
    return RotateServiceKey(service_id=ROBOT, key_prefix=f"lbk_{ROBOT}_{number}", key_hash=digest)


def refresh(jti: str = FIRST, new_jti: str = SECOND, **fields: Any) -> RefreshSession:
    known: dict[str, Any] = {
        "session_id": SESSION,
        "user_id": ANNA,
        "session_version": 1,
        "expires_at": "2026-03-16T12:00:00.000000Z",
    }
    return RefreshSession(jti=jti, new_jti=new_jti, **(known | fields))


def log_out(jti: str = FIRST, **fields: Any) -> EndSession:
    known: dict[str, Any] = {"session_id": SESSION, "user_id": ANNA, "session_version": 1}
    return EndSession(jti=jti, **(known | fields))


def rehearsal(amount: str = "10.00", **fields: Any) -> RehearsePayment:
    """Return the question what would become of `wish`."""
    return RehearsePayment(**asdict(wish(amount, **fields)))
