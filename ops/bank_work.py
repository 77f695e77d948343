"""Settings → what a worker does about outside banks: rails, syncs, schedules."""

from collections.abc import Mapping

from ledger.application import Ledger
from ops.banking import ring_of
from ops.settings import Settings
from workers.bank_rail import BankRail
from workers.bank_schedules import BankSchedules
from workers.bank_steps import BankSteps
from workers.banks.books import LedgerBankBooks
from workers.banks.port import BankPort
from workers.banks.tokens import TokenVault
from workers.crashpoints import CrashPoint
from workers.database import Pool, database_clock


class Outside:
    """Everything a worker has to do with outside banks."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        ledger: Ledger,
        ports: Mapping[str, BankPort],
        crashpoint: CrashPoint,
    ) -> None:
        books = LedgerBankBooks(ledger)
        tokens = TokenVault(
            pool=pool,
            clock=database_clock,
            ring=ring_of(settings),
            books=books,
            ports=ports,
            crashpoint=crashpoint,
        )
        self.rails = {
            name: BankRail(port, books, tokens)
            for name, port in ports.items()
            if port.capabilities.payments
        }
        self.actors = (
            *BankSteps(books=books, ports=ports, tokens=tokens).actors(),
            *BankSchedules(pool, database_clock, books).actors(),
        )
