"""Bank: one bank of the catalogue and its branches."""

from typing import TypeAlias

import msgspec

from ledger.commands.bank import AddBranch, RegisterBank, UpdateBank
from ledger.errors import Reason, Refused
from ledger.events.bank import BankEvent, BankRegistered, BankUpdated, BranchAdded

BankCommand: TypeAlias = RegisterBank | UpdateBank | AddBranch


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """Not in the catalogue."""


class Listed(msgspec.Struct, frozen=True, tag="listed"):
    """In the catalogue."""

    bank: BankRegistered
    branches: tuple[str, ...] = ()


Bank: TypeAlias = Unknown | Listed
UNKNOWN = Unknown()


def decide(bank: Bank, command: BankCommand) -> list[BankEvent]:
    """Answer every command in every state; no answer means nothing to record."""
    match bank, command:
        case Unknown(), RegisterBank():
            return [registered(command)]
        case Unknown(), _:
            raise Refused(Reason.BANK_NOT_FOUND)
        case Listed(), RegisterBank():
            return []
        case Listed(), UpdateBank():
            return updated(bank.bank, command)
        case Listed(), AddBranch():
            return [] if command.branch_id in bank.branches else [added(command)]


def registered(command: RegisterBank) -> BankRegistered:
    """Tell which bank joined the catalogue."""
    fields = msgspec.structs.asdict(command)
    return BankRegistered(**{name: fields[name] for name in BankRegistered.__struct_fields__})


def updated(bank: BankRegistered, command: UpdateBank) -> list[BankEvent]:
    """Tell what becomes another value; what is already so is no news."""
    changes = {
        name: value for name, value in command.changes.items() if getattr(bank, name) != value
    }
    return [BankUpdated(changes=changes)] if changes else []


def added(command: AddBranch) -> BranchAdded:
    """Tell which branch joined its bank."""
    fields = msgspec.structs.asdict(command)
    return BranchAdded(**{name: fields[name] for name in BranchAdded.__struct_fields__})


def evolve(bank: Bank, event: BankEvent, _at: str) -> Bank:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match bank, event:
        case Unknown(), BankRegistered():
            return Listed(event)
        case Unknown(), _:
            raise AssertionError("a bank is registered before anything else")
        case Listed(), BankRegistered():
            raise AssertionError("a bank is registered once")
        case Listed(), BankUpdated(changes=changes):
            return Listed(msgspec.structs.replace(bank.bank, **changes), bank.branches)
        case Listed(), BranchAdded(branch_id=branch_id):
            return Listed(bank.bank, (*bank.branches, branch_id))
