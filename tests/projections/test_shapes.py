"""Queries answer in the shapes of http.md §3, as of now and only what the viewer may see."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
import psycopg
import pytest

from api import shapes
from projections import (
    accounts,
    banks,
    figures,
    holds,
    payments,
    postings,
    transactions,
    transfers,
    trial_balance,
    users,
)
from projections.items import Item
from projections.page import parse
from schema.postgres import Pool, open_pool
from tests.projections.history import History
from tests.projections.test_lists import settle
from tests.projections.test_page import CURSORS

T = TypeVar("T")
BEFORE, AFTER = "2025-04-01T00:00:00.000000Z", "2025-06-01T00:00:00.000000Z"
LAPSES = "2025-05-01T00:00:00.000000Z"
DAILY = {"CHECKING": "1000.00", "SAVINGS": "500", "CREDIT": "2000", "INVESTMENT": "1"}


def view(now: str = BEFORE) -> accounts.View:
    return accounts.View(now, DAILY, "10000.00")


def ask(dsn: str, question: Callable[[Pool], Awaitable[T]]) -> T:
    async def asking() -> T:
        async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
            return await question(pool)

    return asyncio.run(asking())


def one(dsn: str, question: Callable[[Pool], Awaitable[Item | None]]) -> tuple[Item, Any]:
    item = ask(dsn, question)
    assert item is not None
    return item, msgspec.json.decode(item.data)


@pytest.fixture
def alice(history: History) -> str:
    return history.user("Alice Example")


@pytest.fixture
def bob(history: History) -> str:
    return history.user("Bob Example")


def test_an_account_shows_its_effective_limits_in_its_own_decimals(
    database: str, history: History, alice: str
) -> None:
    usd = history.account(alice)
    jpy = history.account(alice, opening=500, currency="JPY")
    settle(database, history)
    item, shown = one(database, lambda pool: accounts.one(pool, usd, view()))
    assert (item.owners, item.version) == (frozenset({alice}), 2)
    msgspec.convert(shown, shapes.Account, strict=True)
    assert {**shown, "inserted_at": "", "updated_at": ""} == {
        "id": usd,
        "user_id": alice,
        "currency": "USD",
        "account_type": "CHECKING",
        "account_name": "Everyday",
        "status": "ACTIVE",
        "status_reason": None,
        "balance": "1000.00",
        "held": "0.00",
        "available": "1000.00",
        "credit_limit": "0.00",
        "daily_limit": "1000.00",
        "single_limit": "10000.00",
        "limits_overridden": False,
        "last_four": "1234",
        "bank_connection_id": None,
        "external_account_id": None,
        "last_sync_at": None,
        "version": 2,
        "inserted_at": "",
        "updated_at": "",
    }
    _, yen = one(database, lambda pool: accounts.one(pool, jpy, view()))
    assert (yen["balance"], yen["daily_limit"], yen["single_limit"]) == ("500", "1000", "10000")


def test_a_limit_of_its_own_overrides_the_default(
    database: str, history: History, alice: str
) -> None:
    account = history.account(alice)
    settle(database, history)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE read.accounts SET single_limit = 5")
    _, shown = one(database, lambda pool: accounts.one(pool, account, view()))
    assert (shown["single_limit"], shown["limits_overridden"]) == ("0.05", True)
    assert shown["daily_limit"] == "1000.00"


def test_a_hold_stops_counting_the_moment_it_lapses(
    database: str, history: History, alice: str
) -> None:
    account = history.account(alice)
    lapsing = history.hold(account, 300, LAPSES)
    history.hold(account, 20)
    settle(database, history)
    for now, held, available, status, rest in (
        (BEFORE, "3.20", "996.80", "ACTIVE", "3.00"),
        (LAPSES, "0.20", "999.80", "EXPIRED", "0.00"),
        (AFTER, "0.20", "999.80", "EXPIRED", "0.00"),
    ):
        _, shown = one(database, partial(accounts.one, account_id=account, view=view(now)))
        _, sums = one(database, partial(accounts.balance, account_id=account, now=now))
        _, hold = one(database, partial(holds.one, hold_id=lapsing, now=now))
        for each in (shown, sums):
            assert (each["held"], each["available"]) == (held, available)
        assert (hold["status"], hold["remaining_amount"]) == (status, rest)
        assert hold["version"] == 1 + (status == "EXPIRED")
        msgspec.convert(hold, shapes.Hold, strict=True)
        assert (sums["as_of"], sums["position"]) == (now, history.position)
        msgspec.convert(sums, shapes.Balance, strict=True)
        stats = ask(database, partial(figures.payment_stats, user_id=alice, now=now))
        (total,) = msgspec.json.decode(stats or b"")["financial_health"]["totals"]
        assert total == {"currency": "USD", "balance": "1000.00", "available": available}


def test_a_hold_tells_what_became_of_it(database: str, history: History, alice: str) -> None:
    account, other = history.account(alice), history.account(alice)
    whole, part, over = (history.hold(account, 300, LAPSES) for _ in range(3))
    history.capture(whole, account, other, 300)
    history.capture(part, account, other, 100, final=False)
    history.capture(over, account, other, 1, final=False)
    history.expire(over, account, 299)
    settle(database, history)
    found = {}
    for hold in (whole, part, over):
        item, shown = one(database, partial(holds.one, hold_id=hold, now=BEFORE))
        found[hold] = msgspec.convert(shown, shapes.Hold, strict=True)
        assert item.version == found[hold].version
    assert [
        (each.status, each.captured_amount, each.remaining_amount, each.version)
        for each in found.values()
    ] == [
        ("CAPTURED", "3.00", "0.00", 2),
        ("ACTIVE", "1.00", "2.00", 2),
        ("EXPIRED", "0.01", "0.00", 3),
    ]
    _, shown = one(database, lambda pool: accounts.one(pool, account, view()))
    assert (shown["balance"], shown["held"]) == ("995.99", "2.00")


def test_a_payment_says_what_it_was_told_last(database: str, history: History, alice: str) -> None:
    account = history.account(alice)
    payment = history.payment(account)
    history.edit(payment, account, "Books", "INV-1")
    history.edit(payment, account, "Pens")
    settle(database, history)
    item, shown = one(database, partial(payments.one, payment_id=payment))
    assert (shown["description"], shown["reference"], item.version) == ("Pens", "INV-1", 3)
    assert shown["status"] == "PENDING"


def test_the_counterparty_is_shown_to_who_named_it_owns_it_or_reads_all(
    database: str, history: History, alice: str, bob: str
) -> None:
    mine, yours = history.account(alice), history.account(bob)
    transfer = history.transfer(mine, yours)
    settle(database, history)
    with psycopg.connect(database) as connection:
        sides: dict[str, str] = dict(connection.execute(SIDES, (transfer,)).fetchall())

    def seen(account: str, viewer: str | None) -> str | None:
        item, shown = one(database, lambda pool: transactions.one(pool, sides[account], viewer))
        assert item.owners == {history.owners[account]}
        return msgspec.convert(shown, shapes.Transaction, strict=True).counterparty_account_id

    assert seen(mine, alice) == yours
    assert seen(yours, bob) is None
    assert (seen(mine, None), seen(yours, None)) == (yours, mine)


def test_an_owner_sees_only_own_account_ids_in_a_posting(
    database: str, history: History, alice: str, bob: str
) -> None:
    mine, yours = history.account(alice), history.account(bob)
    transfer = history.transfer(mine, yours)
    settle(database, history)
    with psycopg.connect(database) as connection:
        query = "SELECT posting_id::text FROM read.transfers WHERE id = %s"
        ((posting,),) = connection.execute(query, (transfer,)).fetchall()
    item, shown = one(database, lambda pool: postings.one(pool, posting, bob))
    assert item.owners == {alice, bob}
    assert [
        (entry["account_id"], entry["amount"], entry["direction"]) for entry in shown["entries"]
    ] == [(None, "1.00", "DEBIT"), (yours, "1.00", "CREDIT")]
    assert (shown["kind"], shown["transfer_id"]) == ("TRANSFER", transfer)
    _, all_shown = one(database, lambda pool: postings.one(pool, posting, None))
    assert [entry["account_id"] for entry in all_shown["entries"]] == [mine, yours]


def test_a_payment_tells_its_life(database: str, history: History, alice: str) -> None:
    account = history.account(alice)
    done, gone, lost, new = (history.payment(account) for _ in range(4))
    for payment in (done, lost):
        history.start(payment, account)
    history.complete(done, account)
    history.fail(lost, account)
    history.cancel(gone)
    settle(database, history)
    found = {}
    for payment in (done, gone, lost, new):
        item, shown = one(database, partial(payments.one, payment_id=payment))
        assert item.owners == {alice}
        found[payment] = msgspec.convert(shown, shapes.Payment, strict=True)
        assert item.version == found[payment].version
    assert [found[each].status for each in (done, gone, lost, new)] == [
        "COMPLETED",
        "CANCELLED",
        "FAILED",
        "PENDING",
    ]
    assert [found[each].version for each in (done, gone, lost, new)] == [4, 2, 4, 1]
    assert found[done].posting_id
    assert found[done].hold_id == done
    assert found[lost].failure_reason == "payment_declined"
    assert found[new].processing_started_at is None
    stats = msgspec.json.decode(
        ask(database, lambda pool: figures.payment_stats(pool, alice, BEFORE)) or b""
    )
    assert [each["id"] for each in stats["recent_payments"]] == [new, lost, gone, done]
    assert stats["financial_health"] == {
        "user_id": alice,
        "totals": [{"currency": "USD", "balance": "990.00", "available": "990.00"}],
        "total_balance": "990.00",
        "total_accounts": 1,
        "active_accounts": 1,
        "inactive_accounts": 0,
        "frozen_accounts": 0,
        "closed_accounts": 0,
        "suspended_accounts": 0,
        "is_healthy": True,
        "can_make_payments": True,
    }


def test_figures_of_somebody_without_accounts_and_of_nobody(
    database: str, history: History, alice: str
) -> None:
    settle(database, history)
    stats = ask(database, lambda pool: figures.payment_stats(pool, alice, BEFORE))
    health = msgspec.json.decode(stats or b"")["financial_health"]
    assert (health["totals"], health["total_balance"]) == ([], None)
    assert (health["is_healthy"], health["can_make_payments"]) == (False, False)
    nobody = "01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
    assert ask(database, lambda pool: figures.payment_stats(pool, nobody, BEFORE)) is None
    assert ask(database, lambda pool: accounts.one(pool, nobody, view())) is None


def test_the_trial_balance_balances_in_each_currency(
    database: str, history: History, alice: str
) -> None:
    usd, jpy = history.account(alice), history.account(alice, opening=500, currency="JPY")
    payment = history.payment(usd)
    history.start(payment, usd)
    history.complete(payment, usd)
    history.account(alice, opening=0)
    assert jpy
    settle(database, history)
    dollars, yen = sorted(
        msgspec.json.decode(ask(database, trial_balance.per_currency)),
        key=lambda each: len(each["rows"]),
        reverse=True,
    )
    assert (dollars["total_debit"], dollars["total_credit"]) == ("1010.00", "1010.00")
    assert dollars["balanced"]
    assert [(row["code"], row["accounts"], row["balance"]) for row in dollars["rows"]] == [
        ("clearing:LEDGERBANK:USD", 1, "10.00"),
        ("customers:USD", 2, "990.00"),
        ("opening:USD", 1, "-1000.00"),
    ]
    assert (yen["currency"], yen["total_debit"], yen["balanced"]) == ("JPY", "500", True)
    only = ask(database, lambda pool: trial_balance.per_currency(pool, "JPY"))
    assert msgspec.json.decode(only) == [yen]


def test_the_other_shapes_are_whole(database: str, history: History, alice: str, bob: str) -> None:
    transfer = history.transfer(history.account(alice), history.account(bob))
    bank = history.bank()
    settle(database, history)
    item, shown = one(database, lambda pool: users.one(pool, alice))
    assert msgspec.convert(shown, shapes.User, strict=True).full_name == "Alice Example"
    assert item.owners == {alice}
    item, shown = one(database, lambda pool: transfers.one(pool, transfer))
    assert msgspec.convert(shown, shapes.Transfer, strict=True).amount == "1.00"
    assert item.owners == {alice, bob}
    item, shown = one(database, lambda pool: banks.one(pool, bank))
    assert (item.owners, item.version, shown["code"]) == (frozenset(), 2, "DEMO_BANK_US")
    wanted = parse(banks.BRANCHES, {}, CURSORS, {"bank_id": bank})
    page = ask(database, lambda pool: banks.branches_page(pool, wanted))
    assert msgspec.json.decode(page.data)[0]["name"] == "Main Street"


SIDES = "SELECT account_id::text, id::text FROM read.transactions WHERE transfer_id = %s"
