"""Decisions about the catalogue of banks: names, codes and branch numbers are unique."""

from ledger.aggregates import bank
from ledger.commands.bank import AddBranch, RegisterBank
from ledger.decisions.view import Claim, View
from ledger.errors import Reason
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


def add_branch(view: View, command: AddBranch) -> str:
    """Add a branch with an IBAN and a BIC that no other branch has."""
    access.may_change_banks(view.caller)
    stream = f"bank-{command.bank_id}"
    events = bank.decide(view.state(stream), command)
    holder = Claim(command.branch_id)
    for namespace, number in (("branch_iban", command.iban), ("branch_swift", command.swift_code)):
        if events and number is not None:
            view.take(namespace, number, holder, Reason.BRANCH_ALREADY_EXISTS)
    view.record(stream, *events)
    return stream
