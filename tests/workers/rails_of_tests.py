"""A rail outside: executes a payment id at most once, and can be told to fail."""

from collections import Counter

from typing_extensions import override

from ledger.errors import Reason
from workers.rails.rail import (
    Accepted,
    Answer,
    Declined,
    Order,
    Rail,
    Settled,
    Standing,
    Unknown,
    Withdrawal,
    Withdrawn,
)
from workers.retries import Failed


class OutsideRail(Rail):
    """Answers new orders with `answer`; raises `faults` before acting or, when `late`, after it."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or Settled("outside-1")
        self.known: dict[str, Answer | Withdrawn] = {}
        self.executed: Counter[str] = Counter()
        self.submitted: list[Order] = []
        self.faults: list[Reason] = []
        self.late = False
        self.unreachable = False

    @override
    def submit(self, order: Order) -> Answer:
        self.submitted.append(order)
        if not self.late:
            self.fault()
        known = self.execute(order.payment_id)
        if self.late:
            self.fault()
        return Declined() if isinstance(known, Withdrawn) else known

    def execute(self, payment_id: str) -> Answer | Withdrawn:
        if payment_id not in self.known:
            self.known[payment_id] = self.answer
            self.executed[payment_id] += isinstance(self.answer, Settled)
        return self.known[payment_id]

    def fault(self) -> None:
        if self.faults:
            raise Failed(self.faults.pop(0))

    @override
    def state_of(self, payment_id: str) -> Standing:
        self.reach()
        known = self.known.get(payment_id, Unknown())
        return Declined() if isinstance(known, Withdrawn) else known

    @override
    def withdraw(self, payment_id: str) -> Withdrawal:
        self.reach()
        return self.known.setdefault(payment_id, Withdrawn())

    def reach(self) -> None:
        if self.unreachable:
            raise Failed(Reason.PAYMENT_PROVIDER_ERROR)


def accepted() -> Accepted:
    return Accepted("ref-1")
