"""A town whose log is audited: two people and what they do, in which all is well."""

from collections.abc import Iterator
from typing import Any

from ledger.events.event import Sealed
from ops.audits.audit import Fact
from ops.audits.shapes import Booked, read
from tests.projections.history import History, Step

MONEY = 100_000


class Town:
    """Two people with 1,000.00 USD each, one of them with 1,000.00 EUR as well; all is well."""

    def __init__(self) -> None:
        self.history = History()
        self.anna, self.boris = (
            self.history.user("Anna Example"),
            self.history.user("Boris Example"),
        )
        self.hers, self.his = self.history.account(self.anna), self.history.account(self.boris)
        self.foreign = self.history.account(self.boris, currency="EUR")
        self.history.transfer(self.hers, self.his)
        self.history.bank()
        for end in (self.complete, self.history.fail):
            payment_id = self.started()
            end(payment_id, self.hers)
        self.history.cancel(self.history.payment(self.his))
        self.history.hold(self.his, 5_000)

    def started(self, text: str | None = None) -> str:
        """Return a payment of 10.00 from her account that is on its way, unlike any other."""
        text = text or f"Groceries {self.history.position}"
        payment_id = self.history.payment(self.hers, text=text)
        self.history.start(payment_id, self.hers)
        return payment_id

    def complete(self, payment_id: str, account_id: str) -> None:
        self.history.complete(payment_id, account_id)

    def happened(self, *steps: Step, at: int = 1) -> int:
        """Let a command happen; return the position of its `at`th event."""
        return self.history.command(*steps) - len(steps) + at

    def moved(self, *entries: tuple[str, int], currency: str = "USD", **links: Any) -> list[Step]:
        kind = links.pop("kind", "TRANSFER")
        return self.history.posting(kind, currency, entries, **links)

    def facts(self) -> Iterator[Fact]:
        """Yield what has happened, as the audit meets it."""
        versions: dict[str, int] = {}
        for position, stream, version, _, _, name, schema, data, _, at, *_ in self.history.lines:
            follows = versions.get(stream, 0) == version - 1
            versions[stream] = version
            yield Fact(position, stream, version, at, follows, read(name, schema, data))

    def booked(self, posting_id: str) -> Booked | None:
        """Return a posting, as the audit looks it up."""
        stream = f"posting-{posting_id}"
        return next((fact.says for fact in self.facts() if fact.stream_id == stream), None)

    def reveal(self, sealed: Sealed) -> str | None:
        """Return what somebody wrote."""
        keys = {key.kid: key for key in self.history.keys.values()}
        key = keys.get(sealed.kid)
        return None if key is None else key.open(sealed)
