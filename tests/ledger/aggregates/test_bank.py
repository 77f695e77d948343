"""Bank: listed once, each branch once."""

import pytest

from ledger.aggregates import bank
from ledger.commands.bank import AddBranch, RegisterBank, UpdateBank
from ledger.errors import Reason
from ledger.events.bank import BankEvent, BankRegistered, BankUpdated, BranchAdded
from tests.builders import identity
from tests.specs import Decider

given = Decider[bank.Bank, bank.BankCommand, BankEvent](
    bank.decide, bank.evolve, bank.UNKNOWN
).given
BANK, BRANCH = identity("bank"), identity("branch")
REGISTER = RegisterBank(bank_id=BANK, name="Gringotts", code="GRIN", country="GB")
LISTED = BankRegistered(name="Gringotts", code="GRIN", country="GB", status="ACTIVE")
ADD = AddBranch(bank_id=BANK, branch_id=BRANCH, name="Diagon Alley", country="GB", iban="GB00")
ADDED = BranchAdded(branch_id=BRANCH, name="Diagon Alley", country="GB", iban="GB00")


def test_a_bank_is_listed() -> None:
    given().when(REGISTER).then(LISTED)


def test_a_bank_is_listed_once() -> None:
    given(LISTED).when(REGISTER).then()


def test_a_branch_joins_its_bank_once() -> None:
    given(LISTED).when(ADD).then(ADDED)
    given(LISTED, ADDED).when(ADD).then()


def test_only_what_is_new_changes_a_bank() -> None:
    rest = UpdateBank(bank_id=BANK, changes={"name": "Gringotts", "status": "INACTIVE"})
    changed = BankUpdated(changes={"status": "INACTIVE"})
    given(LISTED).when(rest).then(changed)
    given(LISTED, ADDED, changed).when(rest).then()
    given(LISTED, ADDED, changed).when(ADD).then()


def test_nothing_without_a_bank() -> None:
    given().when(ADD).then_refused(Reason.BANK_NOT_FOUND)
    given().when(UpdateBank(bank_id=BANK, changes={})).then_refused(Reason.BANK_NOT_FOUND)


def test_a_bank_is_registered_first_and_once() -> None:
    with pytest.raises(AssertionError):
        given(ADDED)
    with pytest.raises(AssertionError):
        given(LISTED, LISTED)
