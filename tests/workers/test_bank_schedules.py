"""What is due at outside banks: found to the second, and asked for once (jobs.md §6)."""

from datetime import timedelta
from typing import Any, cast

import pytest

from ledger.commands.command import Command, Context
from ledger.commands.connection import ExpireConnection, RequestSync
from ledger.commands.reconciliation import ReportMissingPayment
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from ledger.times import utc_text
from tests.workers.conftest import Room
from workers.attempts import Completed, Run
from workers.bank_schedules import BankSchedules
from workers.banks.books import BankBooks


class Listening:
    """Hears what is asked of the books, and refuses when told to."""

    def __init__(self) -> None:
        self.heard: list[Command] = []
        self.refusal: Reason | None = None

    def handle(self, command: Command, context: Context) -> None:
        assert context.correlation_id
        self.heard.append(command)
        if self.refusal is not None:
            raise Refused(self.refusal)


class Due:
    """The schedules of a room, and what they ask of the books."""

    def __init__(self, room: Room) -> None:
        self.room, self.books = room, Listening()
        self.schedules = BankSchedules(
            pool=room.pool, clock=room.clock, books=cast("BankBooks", self.books)
        )

    def at(self, seconds: float) -> str:
        """Return a time so far from now."""
        return utc_text(self.room.clock.now + timedelta(seconds=seconds))

    def connection(self, **columns: Any) -> str:
        usual = {
            "id": new_id(),
            **{name: new_id() for name in ("user_id", "bank_id", "bank_branch_id")},
            "provider": "sandbox",
            "status": "ACTIVE",
            "sync_frequency": 300,
            "version": 1,
            "inserted_at": self.at(-3_600),
            "updated_at": self.at(-10),
        }
        self.row("read.connections", usual | columns)
        return str(usual["id"])

    def payment(self, **columns: Any) -> str:
        usual = {
            "id": new_id(),
            **{name: new_id() for name in ("user_id", "user_bank_account_id")},
            "amount": 100,
            "currency": "USD",
            "direction": "DEBIT",
            "payment_type": "TRANSFER",
            "status": "COMPLETED",
            "processing": "async",
            "priority": 0,
            "rail": "bank",
            "posted_at": self.at(-5 * 86_400),
            "created_by": "somebody",
            "version": 1,
            "inserted_at": self.at(-5 * 86_400),
            "updated_at": self.at(-5 * 86_400),
        }
        self.row("read.payments", usual | columns)
        return str(usual["id"])

    def row(self, table: str, columns: dict[str, Any]) -> None:
        places = ", ".join(["%s"] * len(columns))
        into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        self.room.change(into, *columns.values())

    def ask(self, actor: str) -> list[Command]:
        """Run one actor; return what it asked of the books."""
        self.books.heard.clear()
        [perform] = [each.perform for each in self.schedules.actors() if each.name == actor]
        assert perform(Run(self.room.ask(actor, new_id()))) == Completed()
        return list(self.books.heard)


@pytest.fixture
def due(room: Room) -> Due:
    return Due(room)


def test_syncs_are_asked_for_when_their_time_has_come(due: Due) -> None:
    now = due.connection(next_sync_at=due.at(0))
    late = due.connection(next_sync_at=due.at(-60))
    rested = due.connection(status="ERROR", next_sync_at=due.at(-1), updated_at=due.at(-300))
    due.connection(next_sync_at=due.at(0.001))
    due.connection(next_sync_at=None)
    due.connection(status="REVOKED", next_sync_at=due.at(-60))
    due.connection(status="ERROR", next_sync_at=due.at(-1), updated_at=due.at(-299))
    asked = due.ask("request_due_syncs")
    assert all(isinstance(each, RequestSync) and each.by == "schedule" for each in asked)
    assert [subject_of(each) for each in asked] == [late, rested, now]
    assert due.ask("request_due_syncs") == asked, "a turn that is repeated asks for the same jobs"


def test_what_is_over_is_ended(due: Due) -> None:
    consents = [
        due.connection(status=status, consent_expires_at=due.at(0))
        for status in ("ACTIVE", "ERROR")
    ]
    abandoned = due.connection(status="PENDING", inserted_at=due.at(-600))
    due.connection(consent_expires_at=due.at(0.001))
    due.connection(consent_expires_at=None)
    due.connection(status="REVOKED", consent_expires_at=due.at(-60))
    due.connection(status="PENDING", inserted_at=due.at(-599))
    asked = due.ask("expire_connections")
    assert all(isinstance(each, ExpireConnection) for each in asked)
    assert {subject_of(each) for each in asked} == {abandoned, *consents}


def test_payments_that_no_bank_ever_told_of_are_missed(due: Due) -> None:
    missing, met, reported = due.payment(), due.payment(), due.payment()
    due.payment(posted_at=due.at(-5 * 86_400 + 1))
    due.payment(rail="book")
    due.payment(status="REVERSED")
    met_by = {"namespace": "payment_external_id", "key": "tx", "holder": met, "position": 1}
    due.row("log.claims", met_by)
    due.row("read.reconciliation", {
        "id": new_id(), "kind": "MISSING_AT_BANK", "payment_id": reported, "currency": "USD",
        "status": "OPEN", "found_at": due.at(0), "version": 1,
        "inserted_at": due.at(0), "updated_at": due.at(0),
    })  # fmt: skip
    asked = due.ask("check_missing_at_bank")
    assert all(isinstance(each, ReportMissingPayment) for each in asked)
    assert [subject_of(each) for each in asked] == [missing]


def test_what_the_rules_refuse_stops_nobody_else(due: Due) -> None:
    for _ in range(2):
        due.connection(next_sync_at=due.at(0))
    due.books.refusal = Reason.CONNECTION_INACTIVE
    assert len(due.ask("request_due_syncs")) == 2
    due.books.refusal = Reason.DATABASE_ERROR
    with pytest.raises(Refused):
        due.ask("request_due_syncs")


def subject_of(command: Any) -> str:
    """Return whom or what a command is about."""
    if isinstance(command, ReportMissingPayment):
        return command.payment_id
    found: str = command.connection_id
    return found
