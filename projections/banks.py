"""Banks and their branches: the catalogue that customers choose from."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace
from psycopg.rows import class_row

from ledger.errors import Reason
from ledger.events.bank import BankRegistered, BankUpdated, BranchAdded
from projections.filters import country, enum, identity
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Bank(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One bank."""

    id: str
    name: str
    code: str
    country: str
    logo_url: str | None
    api_endpoint: str | None
    provider: str | None
    status: str
    version: int
    inserted_at: str
    updated_at: str


class Branch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One branch of a bank."""

    id: str
    bank_id: str
    name: str
    country: str
    iban: str | None
    swift_code: str | None
    routing_number: str | None
    inserted_at: str
    updated_at: str


BANK = Table("banks", Bank)
BRANCH = Table("branches", Branch)


def registered(fold: Fold, logged: Logged[BankRegistered]) -> None:
    event = logged.event
    bank = Bank(
        id=logged.subject,
        name=event.name,
        code=event.code,
        country=event.country,
        logo_url=event.logo_url,
        api_endpoint=event.api_endpoint,
        provider=event.provider,
        status=event.status,
        version=logged.version,
        inserted_at=logged.recorded_at,
        updated_at=logged.recorded_at,
    )
    fold.rows.of(BANK).put(bank)


def updated(fold: Fold, logged: Logged[BankUpdated]) -> None:
    banks, at = fold.rows.of(BANK), logged.recorded_at
    changed = logged.event.changes
    bank = banks.get(logged.subject)
    banks.put(replace(bank, version=logged.version, updated_at=at, **changed))


def branch_added(fold: Fold, logged: Logged[BranchAdded]) -> None:
    event, at = logged.event, logged.recorded_at
    branch = Branch(
        id=event.branch_id,
        bank_id=logged.subject,
        name=event.name,
        country=event.country,
        iban=event.iban,
        swift_code=event.swift_code,
        routing_number=event.routing_number,
        inserted_at=at,
        updated_at=at,
    )
    fold.rows.of(BRANCH).put(branch)
    banks = fold.rows.of(BANK)
    banks.put(replace(banks.get(logged.subject), version=logged.version, updated_at=at))


def bank_of(logged: Logged[BankUpdated] | Logged[BranchAdded]) -> Iterable[Key]:
    """Name the bank that changed or got a branch."""
    return ((BANK, logged.subject),)


PROJECTOR = Projector(
    "banks",
    (BANK, BRANCH),
    {
        BankRegistered: On(registered),
        BankUpdated: On(updated, bank_of),
        BranchAdded: On(branch_added, bank_of),
    },
)


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return Banks."""
    return await fetch_page(pool, LISTING, wanted, None)


async def branches_page(pool: Pool, wanted: Wanted) -> Page:
    """Return Branches of the bank that `wanted` is fixed to."""
    return await fetch_page(pool, BRANCHES, wanted, None)


async def one(pool: Pool, bank_id: str) -> Item | None:
    """Return one Bank, which nobody owns."""
    return await fetch_item(pool, ONE, {"id": bank_id})


class Serving(msgspec.Struct, frozen=True):
    """The bank that a branch belongs to, as far as connecting with it goes."""

    id: str
    provider: str | None
    status: str


async def bank_of_branch(pool: Pool, branch_id: str) -> Serving | None:
    """Return the bank of a branch."""
    async with pool.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(Serving))
        await cursor.execute(OF_BRANCH, (branch_id,))
        return await cursor.fetchone()


OF_BRANCH = """
SELECT banks.id::text, banks.provider, banks.status
FROM read.branches JOIN read.banks ON banks.id = branches.bank_id WHERE branches.id = %s
"""
SHAPE = """
id, name, code, country, logo_url, api_endpoint, provider, status, version, inserted_at, updated_at
"""
ONE = item_query("read.banks", SHAPE, "version", "ARRAY[]::text[]")
LISTING = Listing(
    name="banks",
    table="read.banks",
    shape=SHAPE,
    filters=(
        enum("status", "ACTIVE", "INACTIVE", reason=Reason.INVALID_STATUS),
        country(),
        enum("provider", "sandbox", "monzo", reason=Reason.INVALID_FIELD_VALUE),
    ),
    sorts={
        "name": Sort("name"),
        "code": Sort("code"),
        "country": Sort("country"),
        "status": Sort("status"),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
)
BRANCHES = Listing(
    name="branches",
    table="read.branches",
    shape="id, bank_id, name, country, iban, swift_code, routing_number, inserted_at, updated_at",
    filters=(identity("bank_id"),),
    sorts={
        "name": Sort("name"),
        "country": Sort("country"),
        "inserted_at": Sort("inserted_at"),
    },
)
