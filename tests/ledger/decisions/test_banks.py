"""Banks: names, codes and branch numbers belong to one (ledger.md §11)."""

import pytest

from ledger.commands.bank import AddBranch, RegisterBank
from ledger.errors import Reason
from ledger.events.bank import BankRegistered, BranchAdded
from ledger.events.recorded import SYSTEM, Actor
from tests.builders import AS_ADA, AS_ANNA, AS_AUDREY, AS_SUE, PEOPLE, identity
from tests.specs import given

BANK, OTHER = identity("bank"), identity("other bank")


def bank(bank_id: str = BANK, name: str = "Gringotts", code: str = "GRIN") -> RegisterBank:
    return RegisterBank(bank_id=bank_id, name=name, code=code, country="GB")


def branch(name: str = "Diagon Alley", **numbers: str) -> AddBranch:
    return AddBranch(bank_id=BANK, branch_id=identity(name), name=name, country="GB", **numbers)


def test_a_bank_is_listed_once() -> None:
    story = given(PEOPLE)
    story.when(bank()).then_recorded(BankRegistered)
    story.when(bank()).then_nothing()


@pytest.mark.parametrize("other", [bank(OTHER, code="OTHR"), bank(OTHER, name="Other")])
def test_names_and_codes_belong_to_one_bank(other: RegisterBank) -> None:
    given(PEOPLE).done(bank()).when(other).then_refused(Reason.BANK_ALREADY_EXISTS)


def test_a_branch_joins_its_bank_once() -> None:
    story = given(PEOPLE).done(bank())
    story.when(branch(iban="GB00", swift_code="GRINGB2L")).then_recorded(BranchAdded)
    story.when(branch(iban="GB00", swift_code="GRINGB2L")).then_nothing()


@pytest.mark.parametrize("number", [{"iban": "GB00"}, {"swift_code": "GRINGB2L"}])
def test_branch_numbers_belong_to_one_branch(number: dict[str, str]) -> None:
    story = given(PEOPLE).done(bank(), branch(iban="GB00", swift_code="GRINGB2L"))
    story.when(branch("Hogsmeade", **number)).then_refused(Reason.BRANCH_ALREADY_EXISTS)
    story.when(branch("Hogsmeade", iban="GB01")).then_recorded(BranchAdded)


def test_no_branch_without_a_bank() -> None:
    given(PEOPLE).when(branch()).then_refused(Reason.BANK_NOT_FOUND)


@pytest.mark.parametrize("actor", [AS_ANNA, AS_SUE, AS_AUDREY])
def test_only_an_admin_changes_the_catalogue(actor: Actor) -> None:
    given(PEOPLE).when(bank(), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    listed = given(PEOPLE).done(bank())
    listed.when(branch(), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    for allowed in (AS_ADA, SYSTEM):
        given(PEOPLE).done(bank(), by=allowed).when(branch(), by=allowed).then_recorded(BranchAdded)
