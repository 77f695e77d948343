"""Books: what process managers need of the ledger, and nothing more."""

from typing import Any, Protocol

import msgspec
from typing_extensions import override

from ledger.application import Ledger
from ledger.commands.command import Command, Context
from ledger.errors import Reason, Refused


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a payment that moving it on depends on; `amount` in minor units.

    `submissions` counts how often a PROCESSING payment went to its rail. `failed_at_once`: the
    checks of a start in the background said no, so that nothing was ever on its way.
    `scheduled`: it has a date on which it starts by itself.
    """

    payment_id: str
    status: str
    rail: str
    amount: int
    currency: str
    direction: str
    account_id: str
    destination_account_id: str | None = None
    submissions: int = 0
    failure_reason: str | None = None
    failed_at_once: bool = False
    scheduled: bool = False


class Books(Protocol):
    """The ledger as seen from a worker thread."""

    def payment(self, payment_id: str) -> Payment:
        """Return a payment as of now; raise `Refused` when there is none."""

    def handle(self, command: Command, context: Context) -> Any:
        """Carry out a command, durably; raise `Refused` when the rules say no."""


class LedgerBooks(Books):
    """The real ledger, asked from threads that have no event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @override
    def payment(self, payment_id: str) -> Payment:
        return payment_of(payment_id, self.ledger.current_blocking(f"payment-{payment_id}").state)

    @override
    def handle(self, command: Command, context: Context) -> Any:
        return self.ledger.handle_blocking(command, context)


def payment_of(payment_id: str, state: Any) -> Payment:
    """Return the facts in the state of a payment's stream; refuse when it has none."""
    status = str(state.__struct_config__.tag)
    if status == "uncreated":
        raise Refused(Reason.PAYMENT_NOT_FOUND, payment_id=payment_id)
    failed = status == "FAILED"
    return Payment(
        payment_id=payment_id,
        status=status,
        rail=state.terms.rail,
        amount=state.terms.amount,
        currency=state.terms.currency,
        direction=state.terms.direction,
        account_id=state.terms.user_bank_account_id,
        destination_account_id=state.terms.destination_account_id,
        submissions=state.submissions if status == "PROCESSING" else 0,
        failure_reason=state.reason if failed else None,
        scheduled=state.terms.scheduled_at is not None,
        failed_at_once=failed and state.started_at == state.failed_at,
    )
