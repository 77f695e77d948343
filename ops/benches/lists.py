"""Lists of a large account: the statement of a month, and a page deep in all its transactions."""

from datetime import timedelta

from ledger.times import later
from ops.benches.deployment import Broken
from ops.benches.draw import Draw
from ops.benches.windows import Callers, Window
from projections.page import Keyset, Order, Wanted
from projections.selects import fetch_page
from projections.statements import Account, Period, figures_of, lines
from projections.transactions import LISTING
from schema.postgres import Pool

MONTH_ENTRIES, PAGE_ROWS = 1_000, 50
HIGHEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
NEWEST_FIRST = (Order("posted_at", descending=True), Order("id", descending=True))


class Lists:
    """Asks for lists of one account whose entries are a `step` apart from `begin` on."""

    def __init__(
        self, pool: Pool, account: Account, begin: str, step: timedelta, entries: int
    ) -> None:
        self.pool, self.account, self.begin, self.step = pool, account, begin, step
        self.entries, self.month = entries, min(MONTH_ENTRIES, entries)
        self.draw = Draw(entries)

    async def statements(self, seconds: float) -> Window:
        """Ask for statements, one after the other."""
        return await Callers(1, seconds).measure(lambda _: self.statement())

    async def pages(self, seconds: float) -> Window:
        """Ask for pages, one after the other."""
        return await Callers(1, seconds).measure(lambda _: self.page())

    def time(self, entry: int) -> str:
        """Return when the entry of this number was booked."""
        return later(self.begin, self.step * entry)

    async def statement(self) -> None:
        """Read the statement of a time with so many entries as in a busy month."""
        first = 1 + self.draw.below(self.entries - self.month + 1)
        period = Period(self.time(first), self.time(first + self.month - 1))
        figures = await figures_of(self.pool, self.account, period)
        found = [len(each) async for each in lines(self.pool, self.account, period, figures.last)]
        if sum(found) != self.month:
            raise Broken(f"a statement of {sum(found)} lines, not {self.month}")

    async def page(self) -> None:
        """Read a page behind a random place."""
        behind = PAGE_ROWS + 1 + self.draw.below(max(self.entries - PAGE_ROWS, 1))
        wanted = Wanted(
            filters={"account_id": self.account.id},
            order=NEWEST_FIRST,
            paging=Keyset(PAGE_ROWS, (self.time(behind), HIGHEST_ID)),
            sign=str,
        )
        page = await fetch_page(self.pool, LISTING, wanted, None, {"viewer": None})
        if not page.data.startswith(b"[{"):
            raise Broken("a page deep in the list is empty")
