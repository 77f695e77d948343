"""Decisions about the catalogue of banks: names, codes and branch numbers are unique."""

from ledger.aggregates import bank
from ledger.aggregates.bank import Listed
from ledger.commands.bank import AddBranch, RegisterBank, UpdateBank
from ledger.decisions.view import Claim, View
from ledger.errors import Reason, Refused
from ledger.policies import access


def register_bank(view: View, command: RegisterBank) -> str:
    """List a bank under a code and a name that no other bank has."""
    access.may_change_banks(view.caller)
    stream = f"bank-{command.bank_id}"
    events = bank.decide(view.begin(stream), command)
    if events:
        holder = Claim(command.bank_id)
        view.take("bank_code", command.code, holder, Reason.BANK_ALREADY_EXISTS)
        view.take("bank_name", command.name, holder, Reason.BANK_ALREADY_EXISTS)
        view.record(stream, *events)
    return stream


def update_bank(view: View, command: UpdateBank) -> str:
    """Change a bank; its old name is free again."""
    access.may_change_banks(view.caller)
    stream = f"bank-{command.bank_id}"
    known = listed(view, command.bank_id)
    view.match_version(stream)
    events = bank.decide(known, command)
    name = command.changes.get("name")
    if name is not None and name != known.bank.name:
        view.take("bank_name", name, Claim(command.bank_id), Reason.BANK_ALREADY_EXISTS)
        view.release("bank_name", known.bank.name, command.bank_id)
    view.record(stream, *events)
    return stream


def add_branch(view: View, command: AddBranch) -> str:
    """Add a branch with an IBAN and a BIC that no other branch has; the branch answers."""
    access.may_change_banks(view.caller)
    stream = f"bank-{command.bank_id}"
    events = bank.decide(listed(view, command.bank_id), command)
    holder = Claim(command.branch_id)
    for namespace, number in (("branch_iban", command.iban), ("branch_swift", command.swift_code)):
        if events and number is not None:
            view.take(namespace, number, holder, Reason.BRANCH_ALREADY_EXISTS)
    view.record(stream, *events)
    return view.tell(f"branch-{command.branch_id}", bank.added(command))


def listed(view: View, bank_id: str) -> Listed:
    """Return a bank of the catalogue, or refuse."""
    found = view.state(f"bank-{bank_id}")
    if not isinstance(found, Listed):
        raise Refused(Reason.BANK_NOT_FOUND, bank_id=bank_id)
    return found
