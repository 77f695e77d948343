"""The rail of an outside bank: payments from accounts that mirror one there (ledger.md §6.5)."""

from collections.abc import Callable
from typing import TypeVar

from typing_extensions import override

from ledger.commands.command import Context
from ledger.errors import Reason
from ledger.events.recorded import SYSTEM
from workers.banks.books import BankBooks, Mirror
from workers.banks.port import AccessRefused, BankPort, PaymentOrder
from workers.banks.tokens import TokenVault
from workers.rails.rail import Answer, Order, Rail, Standing, Withdrawal
from workers.retries import Failed

A = TypeVar("A")


class BankRail(Rail):
    """Asks the bank that the payment's account mirrors; the payment id is the key of everything."""

    def __init__(self, port: BankPort, books: BankBooks, tokens: TokenVault) -> None:
        self.port, self.books, self.tokens = port, books, tokens

    @override
    def submit(self, order: Order) -> Answer:
        texts = self.books.texts(order.payment_id)
        mirror = self.mirror(order.account_id)
        asked = PaymentOrder(
            payment_id=order.payment_id,
            external_account_id=mirror.external_account_id,
            amount=order.amount,
            currency=order.currency,
            direction="CREDIT" if order.direction == "CREDIT" else "DEBIT",
            description=texts.description,
            reference=texts.reference,
        )
        return self.ask(
            mirror, order.payment_id, lambda access: self.port.submit_payment(access, asked)
        )

    @override
    def state_of(self, payment_id: str) -> Standing:
        mirror = self.mirror(self.books.account_of_payment(payment_id))
        return self.ask(
            mirror, payment_id, lambda access: self.port.payment_status(access, payment_id)
        )

    @override
    def withdraw(self, payment_id: str) -> Withdrawal:
        mirror = self.mirror(self.books.account_of_payment(payment_id))
        return self.ask(
            mirror, payment_id, lambda access: self.port.cancel_payment(access, payment_id)
        )

    def mirror(self, account_id: str) -> Mirror:
        """Return what an account mirrors; its bank cannot be asked when that is over."""
        found = self.books.mirror(account_id)
        if found is None:
            raise Failed(Reason.PAYMENT_PROVIDER_ERROR)
        return found

    def ask(self, mirror: Mirror, payment_id: str, question: Callable[[str], A]) -> A:
        """Ask the bank; a token it refuses is refreshed once."""
        connection_id, provider = mirror.connection_id, self.port.provider
        context = Context(actor=SYSTEM, correlation_id=f"payment_{payment_id}")
        access = self.tokens.access(connection_id, provider, context)
        try:
            return question(access)
        except AccessRefused:
            again = self.tokens.access(connection_id, provider, context, refused=access)
            return question(again)
