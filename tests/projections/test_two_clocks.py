"""Two clocks: what was held when, as far as it was known when (proof.md P-4)."""

from typing import Any

import msgspec
from typing_extensions import override

from projections.looking_back import Past
from projections.two_clocks import holdings
from tests.projections.conftest import Run, wait_for
from tests.projections.history import History
from tests.projections.test_looking_back import time, within

MARCH, APRIL = "2025-03-31T12:00:00.000000Z", "2025-04-05T12:00:00.000000Z"


class Calendar(History):
    """A history whose days are told one by one."""

    day = "2025-03-01T00:00:00.000000Z"

    @override
    def time(self) -> str:
        return self.day

    def entry(self, account: str, amount: int, effective_at: str | None = None) -> None:
        code = f"clearing:LEDGERBANK:{self.currencies[account]}"
        steps = self.posting("TRANSFER", "USD", ((code, -amount), (account, amount)))
        self.command(*steps, effective_at=effective_at)


def test_a_late_entry_counts_from_its_own_time_once_it_is_known(database: str, run: Run) -> None:
    run()
    history = Calendar()
    account = history.account(history.user(), 10_000)
    history.day = "2025-04-01T00:00:00.000000Z"
    history.entry(account, 500)
    history.day = "2025-04-02T00:00:00.000000Z"
    history.entry(account, 70, effective_at="2025-03-30T00:00:00.000000Z")
    history.entry(account, -9, effective_at="2025-03-31T12:00:00.000000Z")
    history.entry(account, 2, effective_at="2025-03-31T12:00:00.000001Z")
    history.day = "2025-04-03T00:00:00.000000Z"
    late = history.account(history.user(), 0)
    history.entry(late, 33, effective_at="2025-03-01T00:00:00.000000Z")
    wait_for(database, history.write(database))

    async def asked(past: Past) -> dict[str, Any]:
        told = {}
        for name, account_id, at, known in (
            ("march, known then", account, MARCH, MARCH),
            ("march, known in april", account, MARCH, APRIL),
            ("april, known in march", account, APRIL, MARCH),
            ("april", account, APRIL, APRIL),
            ("opened later", late, MARCH, APRIL),
        ):
            moments = await time(past, at), await time(past, known)
            item = await holdings(past, account_id, *moments)
            assert item is not None
            data = msgspec.json.decode(item.data)
            assert (data["as_of"], data["position"]) == (at, moments[1].position)
            assert data["available"] == data["balance"]
            told[name] = data["balance"]
        unknown = await time(past, MARCH)
        assert await holdings(past, late, unknown, unknown) is None
        return told

    assert within(database, asked) == {
        "march, known then": "100.00",
        "march, known in april": "100.61",
        "april, known in march": "100.00",
        "april": "105.63",
        "opened later": "0.33",
    }
