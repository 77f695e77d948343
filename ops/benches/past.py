"""The past of a large account: what it held at any time, the statement of a month, a deep page."""

import asyncio
from datetime import timedelta
from functools import partial

from psycopg import Connection

from ledger.append.ports import Decided
from ledger.entries import Entry
from ledger.events.account import AccountCredited, AccountDebited
from ledger.events.posting import PostingBooked
from ledger.events.recorded import SYSTEM, Metadata
from ledger.identity import new_id, numbered_id
from ledger.times import later
from ops.benches.deployment import Broken, Deployment
from ops.benches.draw import Draw
from ops.benches.figures import Goal, Result, figure
from ops.benches.lists import PAGE_ROWS, Lists
from ops.benches.scale import Scale
from ops.benches.town import Owner, Town
from ops.benches.windows import Callers, Series, Told, Window, interleaved
from ops.composition import Books, open_books
from ops.readmodels import keks_of
from projections.catalogue import BY_NAME
from projections.items import Item
from projections.looking_back import Past
from projections.moments import moment_at
from projections.rebuild import rebuild
from projections.statements import account_of
from projections.two_clocks import holdings
from schema.postgres import connect, open_pool
from schema.store import LogStore

ENTRIES_AT_ONCE = 1_000
STEP = timedelta(milliseconds=1)
AMOUNTS = (5, 7, 11, -6, -13)
BALANCE = "balance at a random time, {:,} entries"
STATEMENT = "statement of {:,} lines in {:,} entries"
PAGE = "page of {:,} at a random depth of {:,} entries"
NOTES = (
    "instant → position → mark → events → sums; one caller, in process",
    "both balances, both sums, every line; one caller, in process",
    "by keyset, as JSON; one caller, in process",
)


def measure_past(deployment: Deployment, scale: Scale, told: Told) -> Result:
    """Grow one account, then ask what it held at random times."""
    dsn = deployment.database("past")
    return asyncio.run(measured(deployment, dsn, scale, told))


async def measured(deployment: Deployment, dsn: str, scale: Scale, told: Told) -> Result:
    """Grow, fold, vacuum, ask."""
    settings = deployment.settings(dsn)
    async with open_books(settings, dsn) as books:
        town = Town(books.ledger, settings.core.index_key, "not a password")
        [owner] = await town.people(1, 1)
    told(f"growing an account to {scale.large_account:,} entries")
    async with open_books(settings, dsn) as books:
        begin, end = await grow(books, dsn, owner, scale.large_account)
    with connect(dsn, statement_timeout_ms=0) as connection:
        settle(connection)
    for model in ("accounts", "transactions"):
        rebuild(dsn, BY_NAME[model], keks_of(settings), repair=True)
    async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
        account = await account_of(pool, owner.accounts[0])
        assert account is not None, "it was grown"
        lists = Lists(pool, account, begin, STEP, scale.large_account)
        looking = Looking(Past(pool, keks_of(settings)), account.id, begin, end)
        await looking.see(end)
        names = names_for(scale.large_account, lists.month)
        seconds = scale.append_seconds
        asked = (looking.for_seconds, lists.statements, lists.pages)
        cases = {name: partial(ask, seconds) for name, ask in zip(names, asked, strict=True)}
        series = await interleaved(scale.rounds, cases, told)
    lines = zip(names, ("queries", "statements", "pages"), NOTES, strict=True)
    return Result(
        tuple(figure("past", name, unit, series[name], note=note) for name, unit, note in lines),
        tuple(goal(name, series[name]) for name in (names[0], names[2])),
        (dsn,),
    )


def names_for(entries: int, month: int) -> tuple[str, str, str]:
    """Return what is measured of an account of so many entries."""
    page = PAGE.format(PAGE_ROWS, entries)
    return BALANCE.format(entries), STATEMENT.format(month, entries), page


def goal(name: str, series: Series) -> Goal:
    """Return how long it may take, however large the account is."""
    p99 = series.percentile_ms(0.99)
    assert p99 is not None, "somebody looked"
    return Goal(what=f"p99 ms of a {name}", found=p99, most=5.0)


class Looking:
    """Asks for the balance of one account at times between `begin` and `end`."""

    def __init__(self, past: Past, account_id: str, begin: str, end: str) -> None:
        self.past, self.account_id, self.begin = past, account_id, begin
        self.steps = round_steps(begin, end)
        self.draw = Draw(self.steps)

    async def for_seconds(self, seconds: float) -> Window:
        """Ask again and again."""
        return await Callers(1, seconds).measure(self.look)

    async def look(self, _caller: int) -> None:
        """Ask for one time."""
        await self.see(later(self.begin, STEP * self.draw.below(self.steps)))

    async def see(self, at: str) -> Item:
        """Return what the account held at one time."""
        async with self.past.pool.connection() as connection:
            moment = await moment_at(connection, at)
        found = await holdings(self.past, self.account_id, moment, moment)
        if found is None:
            raise Broken(f"the account was not there at {at}")
        return found


def round_steps(begin: str, end: str) -> int:
    """Return how many steps lie between two times."""
    steps = 1
    while later(begin, STEP * (2 * steps)) <= end:
        steps *= 2
    return steps


async def grow(books: Books, dsn: str, owner: Owner, entries: int) -> tuple[str, str]:
    """Write entries as the append writes them; return when the first and the last were recorded."""
    store = LogStore(dsn, books.pool)
    account_id = owner.accounts[0]
    known = await books.ledger.current(f"account-{account_id}")
    growth = Growth(account_id, known.version, known.state.balance)
    head = await store.head()
    begin = growth.now = head.recorded_at
    for start in range(0, entries, ENTRIES_AT_ONCE):
        staged = store.stage(head)
        for _ in range(min(ENTRIES_AT_ONCE, entries - start)):
            staged.add(growth.entry())
        await store.commit(staged)
        head = staged.head
    await store.close()
    return begin, growth.now


class Growth:
    """One account, entry by entry, a millisecond apart."""

    def __init__(self, account_id: str, version: int, balance: int) -> None:
        self.account_id, self.version, self.balance = account_id, version, balance
        self.metadata = Metadata(actor=SYSTEM, correlation_id="bench")
        self.draw, self.now = Draw(version), ""

    def entry(self) -> Decided:
        """Return the command that books the next entry."""
        self.now, command_id = later(self.now, STEP), new_id()
        posting_id, amount = new_id(), self.draw.one(AMOUNTS)
        self.version, self.balance = self.version + 1, self.balance + amount
        booked = posted(posting_id, self.account_id, amount)
        return Decided(
            command_id=command_id,
            scope="",
            key=command_id,
            request_hash=None,
            metadata=self.metadata,
            now=self.now,
            events=[
                (f"posting-{posting_id}", 1, booked),
                (f"account-{self.account_id}", self.version, self.moved(booked, amount)),
            ],
            claims={},
            rows=[],
            answer=None,
            answer_key=None,
        )

    def moved(self, booked: PostingBooked, amount: int) -> AccountCredited | AccountDebited:
        """Return what the posting does to the account."""
        kind = AccountCredited if amount > 0 else AccountDebited
        return kind(
            posting_id=booked.posting_id,
            entry_id=booked.entries[0].entry_id,
            amount=abs(amount),
            balance_after=self.balance,
        )


def posted(posting_id: str, account_id: str, amount: int) -> PostingBooked:
    """Return a posting between an account and the outside world."""
    return PostingBooked(
        posting_id=posting_id,
        kind="DEPOSIT" if amount > 0 else "WITHDRAWAL",
        entries=(
            Entry(
                entry_id=numbered_id(posting_id, 1),
                account_id=account_id,
                amount=amount,
                currency="USD",
            ),
            Entry(
                entry_id=numbered_id(posting_id, 2),
                account_code="clearing:LEDGERBANK:USD",
                amount=-amount,
                currency="USD",
            ),
        ),
    )


def settle(connection: Connection) -> None:
    """Let the log come to rest, as after a while in use."""
    connection.execute("VACUUM (ANALYZE) log.events")
