"""The ledger as those who deal with outside banks see it."""

from typing import Any, Protocol

import msgspec
from typing_extensions import override

from ledger.application import Ledger
from ledger.commands.command import Command, Context
from ledger.errors import Reason, Refused


class Waiting(msgspec.Struct, frozen=True):
    """A line that its bank has yet to book."""

    external_id: str
    occurred_at: str
    told_at: str


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a bank depends on; `cursors` by account of ours."""

    connection_id: str
    user_id: str
    provider: str
    status: str
    cursors: dict[str, str]
    waiting: dict[str, tuple[Waiting, ...]]


class Mirror(msgspec.Struct, frozen=True):
    """An account that mirrors one at a bank."""

    connection_id: str
    external_account_id: str


class Texts(msgspec.Struct, frozen=True):
    """What a payment says."""

    description: str
    reference: str | None


class BankBooks(Protocol):
    """The ledger as seen from a worker thread."""

    def connection(self, connection_id: str) -> Connection:
        """Return a connection as of now; raise `Refused` when there is none."""

    def mirror(self, account_id: str) -> Mirror | None:
        """Return what an account mirrors now, if anything."""

    def texts(self, payment_id: str) -> Texts:
        """Return what a payment says."""

    def account_of_payment(self, payment_id: str) -> str:
        """Return the account that a payment is paid from."""

    def handle(self, command: Command, context: Context) -> Any:
        """Carry out a command, durably; raise `Refused` when the rules say no."""


class LedgerBankBooks(BankBooks):
    """The real ledger, asked from threads that have no event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @override
    def connection(self, connection_id: str) -> Connection:
        loaded = self.ledger.current_blocking(f"connection-{connection_id}")
        if loaded.version == 0:
            raise Refused(Reason.CONNECTION_NOT_FOUND, field="id")
        state = loaded.state
        waiting: dict[str, tuple[Waiting, ...]] = {}
        for line in state.waiting.values():
            told = Waiting(line.external_id, line.occurred_at, line.told_at)
            waiting[line.account_id] = (*waiting.get(line.account_id, ()), told)
        return Connection(
            connection_id=connection_id,
            user_id=state.terms.user_id,
            provider=state.terms.provider,
            status=state.status,
            cursors=dict(state.cursors),
            waiting=waiting,
        )

    @override
    def mirror(self, account_id: str) -> Mirror | None:
        state: Any = self.ledger.current_blocking(f"account-{account_id}").state
        linked = getattr(state, "bank_connection_id", None)
        return None if linked is None else Mirror(linked, state.external_account_id)

    @override
    def texts(self, payment_id: str) -> Texts:
        loaded = self.ledger.current_blocking(f"payment-{payment_id}")
        reveal = self.ledger.on_loop(self.ledger.reading(loaded))
        terms = loaded.state.terms
        return Texts(reveal(terms.description) or "", reveal(terms.reference))

    @override
    def account_of_payment(self, payment_id: str) -> str:
        state: Any = self.ledger.current_blocking(f"payment-{payment_id}").state
        account_id: str = state.terms.user_bank_account_id
        return account_id

    @override
    def handle(self, command: Command, context: Context) -> Any:
        return self.ledger.handle_blocking(command, context)
