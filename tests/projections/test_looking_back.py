"""Looking back gives what was answered then: on a random history, at any position (AC-27)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec
import psycopg
import pytest
from typing_extensions import override

from ledger.errors import Reason, Refused
from ledger.times import later
from projections import accounts, looking_back, payments, users
from projections.account_rows import MARK_EVERY
from projections.accounts import View
from projections.items import Item
from projections.looking_back import Past
from projections.moments import Moment, moment_at, moment_of
from projections.page import Wanted, parse
from projections.two_clocks import holdings
from schema.postgres import open_pool
from tests.projections.conftest import Run, wait_for
from tests.projections.history import KEKS, History
from tests.projections.lives import Life
from tests.projections.test_page import CURSORS

T = TypeVar("T")
STEPS, ANSWERS = 160, 8
BEFORE = "2025-04-01T00:00:00.000000Z"
DAILY = {"CHECKING": "1000.00"}
SORTS = ("balance:desc,inserted_at", "status,account_name", "updated_at:desc")


def wanted(listing: Any = accounts.LISTING, **parameters: str) -> Wanted:
    return parse(listing, parameters, CURSORS)


def view(now: str) -> View:
    return View(now, DAILY, "10000.00")


class Answers(msgspec.Struct, frozen=True):
    """What was answered at one position, by what was asked."""

    position: int
    at: str
    items: dict[tuple[str, str], Item | None]
    pages: dict[str, tuple[bytes, Any]]


class Diary:
    """Asks the read models of now, and asks again what they said."""

    def __init__(self, past: Past, life: Life) -> None:
        self.past, self.life = past, life

    async def now(self, position: int) -> Answers:
        """Ask everything there is to ask."""
        pool, at, life = self.past.pool, self.life.now, self.life
        items = {("user", each): await users.one(pool, each) for each in life.users}
        for each in life.script.accounts:
            items["account", each] = await accounts.one(pool, each, view(at))
            items["balance", each] = await accounts.balance(pool, each, at)
        for each in life.payments:
            items["payment", each] = await payments.one(pool, each)
        pages = {}
        for sort in SORTS:
            asked = wanted(sort=sort, page_size="3", status="active")
            page = await accounts.page(pool, asked, None, view(at))
            pages[sort] = page.data, page.pagination
        return Answers(position, at, items, pages)

    async def then(self, told: Answers, moment: Moment) -> None:
        """Ask the same of the past; it says the same."""
        for (kind, each), item in told.items.items():
            assert item is not None
            again = await self.ask(kind, each, moment)
            assert again is not None, (kind, each, moment)
            assert (again.data, again.owners) == (item.data, item.owners)
        for sort, (data, pagination) in told.pages.items():
            asked = wanted(sort=sort, page_size="3", status="active")
            page = await looking_back.account_page(self.past, asked, None, moment, view(moment.at))
            assert (page.data, page.pagination) == (data, pagination)

    async def ask(self, kind: str, each: str, moment: Moment) -> Item | None:
        match kind:
            case "account":
                return await looking_back.account(self.past, each, moment, view(moment.at))
            case "balance":
                return await holdings(self.past, each, moment, moment)
            case "payment":
                return await looking_back.payment(self.past, each, moment)
            case _:
                return await looking_back.user(self.past, each, moment)


def within(dsn: str, question: Callable[[Past], Awaitable[T]]) -> T:
    """Ask with a pool of one's own."""

    async def asking() -> T:
        async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
            return await question(Past(pool, KEKS))

    return asyncio.run(asking())


async def place(past: Past, position: int) -> Moment:
    async with past.pool.connection() as connection:
        return await moment_of(connection, position)


async def time(past: Past, at: str) -> Moment:
    async with past.pool.connection() as connection:
        return await moment_at(connection, at)


def test_the_past_is_what_was_answered_then(database: str, history: History, run: Run) -> None:
    run()
    life = Life(history, seed=1)

    async def compared(past: Past) -> None:
        diary, told = Diary(past, life), []
        for step in range(STEPS):
            life.step()
            if step % (STEPS // ANSWERS) == 0:
                position = history.write(database)
                wait_for(database, position)
                told.append(await diary.now(position))
        wait_for(database, history.write(database))
        for each in told:
            moment = await place(past, each.position)
            assert (each.position, each.at) == (moment.position, moment.at)
            assert await time(past, each.at) == moment
            await diary.then(each, moment)

    within(database, compared)
    with psycopg.connect(database) as connection:
        marks = connection.execute("SELECT count(*) FROM read.account_marks").fetchone()
    assert marks != (0,), "some of the past was folded from a mark"


def test_without_marks_the_past_is_the_same(database: str, history: History, run: Run) -> None:
    run()
    account = history.account(history.user())
    other = history.account(history.user())
    for _ in range(MARK_EVERY):
        history.transfer(account, other, 1)
    middle = history.position
    for _ in range(MARK_EVERY):
        history.transfer(account, other, 1)
    wait_for(database, history.write(database))

    async def shown(past: Past) -> list[Any]:
        places = [await place(past, each) for each in (middle, history.position)]
        return [await holdings(past, account, each, each) for each in places]

    with_marks = within(database, shown)
    with psycopg.connect(database, autocommit=True) as connection:
        forgotten = connection.execute("DELETE FROM read.account_marks").rowcount
    assert forgotten > 3
    assert within(database, shown) == with_marks
    balances = [msgspec.json.decode(each.data)["balance"] for each in with_marks]
    assert balances == ["999.36", "998.72"]


class Timeless(History):
    """Everything happens in the same microsecond."""

    @override
    def time(self) -> str:
        return BEFORE


def test_what_happened_in_the_same_microsecond_is_told_apart(database: str, run: Run) -> None:
    run()
    history = Timeless()
    account = history.account(history.user())
    first = history.position
    later_opened = history.account(history.user())
    history.transfer(account, later_opened, 1)
    wait_for(database, history.write(database))

    async def shown(past: Past) -> bytes:
        early = await place(past, first)
        assert early.at == BEFORE
        page = await looking_back.account_page(past, wanted(), None, early, view(BEFORE))
        return page.data

    [only] = msgspec.json.decode(within(database, shown))
    assert (only["id"], only["balance"]) == (account, "1000.00")


def test_a_hold_had_lapsed_from_its_moment_on(database: str, history: History, run: Run) -> None:
    run()
    account = history.account(history.user())
    history.hold(account, 300, expires_at=BEFORE)
    history.hold(account, 20)
    wait_for(database, history.write(database))

    async def held(past: Past) -> list[str]:
        amounts = []
        for microseconds in (-1, 0):
            moment = await time(past, later_by_a_microsecond(BEFORE, microseconds))
            shown = await looking_back.account(past, account, moment, view(moment.at))
            sums = await holdings(past, account, moment, moment)
            assert shown is not None
            assert sums is not None
            told = [msgspec.json.decode(each.data)["held"] for each in (shown, sums)]
            assert told[0] == told[1]
            amounts += told[:1]
        return amounts

    assert within(database, held) == ["3.20", "0.20"]


def test_a_moment_is_the_end_of_a_whole_command(database: str, history: History) -> None:
    Life(history, 3).script.play(range(12))
    ends = sorted(history.ends)
    last = history.write(database)

    async def found(past: Past) -> None:
        for position in range(1, last + 1):
            before = max((end for end in ends if end <= position), default=0)
            moment = await place(past, position)
            assert moment.position == before
            if before:
                assert await time(past, moment.at) == moment
                just_before = await time(past, later_by_a_microsecond(moment.at, -1))
                assert just_before.position < before
                after = await time(past, later_by_a_microsecond(moment.at, 1))
                assert after.position == before
        with pytest.raises(Refused) as refused:
            await place(past, last + 1)
        assert refused.value.reason is Reason.INVALID_POSITION
        assert refused.value.details == {"head": last}
        nothing = await time(past, "1999-01-01T00:00:00.000000Z")
        assert (nothing.position, (await place(past, 0)).position) == (0, 0)

    within(database, found)


def later_by_a_microsecond(at: str, microseconds: int) -> str:
    return later(at, timedelta(microseconds=microseconds))


def test_what_was_not_there_yet_is_not_found(database: str, history: History, run: Run) -> None:
    run()
    anna = history.user()
    first = history.position
    account = history.account(anna)
    payment = history.payment(account)
    wait_for(database, history.write(database))

    async def asked(past: Past) -> None:
        early = await place(past, first)
        nothing = await place(past, 0)
        assert await looking_back.account(past, account, early, view(early.at)) is None
        assert await holdings(past, account, early, early) is None
        assert await looking_back.payment(past, payment, early) is None
        assert await looking_back.user(past, anna, nothing) is None
        assert await looking_back.user(past, anna, early) is not None
        page = await looking_back.account_page(past, wanted(), None, early, view(early.at))
        assert (page.data, page.pagination["total_count"]) == (b"[]", 0)

    within(database, asked)


def test_what_was_erased_stays_erased(database: str, history: History, run: Run) -> None:
    run()
    anna = history.user()
    account = history.account(anna)
    payment = history.payment(account)
    wait_for(database, history.write(database))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM log.data_keys WHERE subject = %s", (anna,))

    async def names(past: Past) -> list[Any]:
        now = await place(past, history.position)
        asked = (
            partial(looking_back.account, past, account, now, view(now.at)),
            partial(looking_back.payment, past, payment, now),
            partial(looking_back.user, past, anna, now),
        )
        shown = []
        for each in asked:
            item = await each()
            assert item is not None
            shown.append(msgspec.json.decode(item.data))
        return shown

    shown_account, shown_payment, shown_user = within(database, names)
    assert shown_account["account_name"] is None
    assert shown_payment["description"] == "[erased]"
    assert (shown_user["email"], shown_user["full_name"]) == (None, None)
