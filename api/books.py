"""Shapes of the books: postings with their entries, the trial balance, banks and branches."""

from typing import Literal

import msgspec

from api.shapes import Currency, Direction, Id, Money, MovementType, Shape, Time, Transaction


class Entry(Shape, frozen=True):
    """One line of a posting; on a system account it has a code instead of an id."""

    id: Id
    account_id: Id | None
    account_code: str | None
    amount: Money
    currency: Currency
    direction: Direction


class Posting(Shape, frozen=True):
    """A balanced set of entries."""

    id: Id
    kind: MovementType
    description: str | None
    reference: str | None
    entries: list[Entry]
    payment_id: Id | None
    transfer_id: Id | None
    hold_id: Id | None
    reverses_posting_id: Id | None
    reversed_by_posting_id: Id | None
    reason: str | None
    booked_at: Time
    position: int
    inserted_at: Time
    updated_at: Time


class Statement(Shape, frozen=True):
    """What was booked on one account in a period; both ends are included."""

    account_id: Id
    currency: Currency
    since: Time = msgspec.field(name="from")
    until: Time = msgspec.field(name="to")
    opening_balance: Money
    closing_balance: Money
    total_credits: Money
    total_debits: Money
    lines: list[Transaction]


class TrialBalanceRow(Shape, frozen=True):
    """All accounts of one code in one currency."""

    code: str
    kind: Literal["customers", "clearing", "fees", "fx", "opening"]
    accounts: int
    debit_total: Money
    credit_total: Money
    balance: Money


class TrialBalance(Shape, frozen=True):
    """One currency; the totals are equal or something is very wrong."""

    currency: Currency
    rows: list[TrialBalanceRow]
    total_debit: Money
    total_credit: Money
    balanced: bool


class Bank(Shape, frozen=True):
    """An outside bank."""

    id: Id
    name: str
    code: str
    country: str
    logo_url: str | None
    api_endpoint: str | None
    provider: Literal["sandbox", "monzo"] | None
    status: Literal["ACTIVE", "INACTIVE"]
    version: int
    inserted_at: Time
    updated_at: Time


class Branch(Shape, frozen=True):
    """A branch of an outside bank."""

    id: Id
    bank_id: Id
    name: str
    country: str
    iban: str | None
    swift_code: str | None
    routing_number: str | None
    inserted_at: Time
    updated_at: Time


class ChartLine(Shape, frozen=True):
    """A code of the chart of accounts, and how many accounts count in it."""

    code: str
    kind: Literal["customers", "clearing", "fees", "fx", "opening"]
    currency: Currency
    accounts: int
    description: str


class Moment(Shape, frozen=True):
    """As of when something is shown: the time that counts, when it was known, and where that is."""

    at: Time | None
    known_at: Time | None
    position: int


class Quote(Shape, frozen=True):
    """A rate and two amounts, locked for one transfer of whoever asked."""

    id: Id
    source_currency: Currency
    destination_currency: Currency
    source_amount: Money
    destination_amount: Money
    rate: str
    rate_source: str
    rate_as_of: Time
    status: Literal["OPEN", "USED", "EXPIRED"]
    expires_at: Time
    inserted_at: Time
    updated_at: Time


class ExchangeRate(Shape, frozen=True):
    """What one unit of `base` is worth in `quote`."""

    base: Currency
    quote: Currency
    rate: str
    source: str
    as_of: Time


class SealedSum(Shape, frozen=True):
    """One line of the trial balance that a period was sealed with."""

    code: str
    currency: Currency
    debit_total: Money
    credit_total: Money
    balance: Money


class Period(Shape, frozen=True):
    """A month of effective times; the sums are those of its newest seal.

    `restatements`: how many postings were booked into it after it was over.
    """

    period: str
    status: Literal["OPEN", "CLOSED"]
    position: int | None
    digest: str | None
    sums: list[SealedSum]
    closed_at: Time | None
    reopened_at: Time | None
    reason: str | None
    restatements: int
    inserted_at: Time
    updated_at: Time


class Restatement(Shape, frozen=True):
    """A posting that counts from earlier than it was booked."""

    posting_id: Id
    kind: MovementType
    entries: list[Entry]
    transfer_id: Id | None
    reverses_posting_id: Id | None
    reason: str | None
    period: str
    effective_at: Time
    booked_at: Time
    position: int
