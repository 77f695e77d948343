"""A service account: created once, its key replaced, disabled for good."""

import pytest

from ledger.aggregates import service_account
from ledger.aggregates.service_account import (
    UNCREATED,
    Active,
    Disabled,
    ServiceAccount,
    ServiceAccountCommand,
)
from ledger.commands.service_account import DisableServiceAccount
from ledger.errors import Reason
from ledger.events.service_account import (
    ServiceAccountCreated,
    ServiceAccountDisabled,
    ServiceAccountEvent,
    ServiceKeyRotated,
)
from tests.builders import NOON, ROBOT, new_key, new_machine
from tests.specs import Decider

given = Decider[ServiceAccount, ServiceAccountCommand, ServiceAccountEvent](
    service_account.decide, service_account.evolve, UNCREATED
).given
CREATED = ServiceAccountCreated(
    name="Payroll", scopes=("transfers:write",), key_prefix=f"lbk_{ROBOT}_1"
)
ROTATED = ServiceKeyRotated(key_prefix=f"lbk_{ROBOT}_2")
DISABLED = ServiceAccountDisabled()
DISABLE = DisableServiceAccount(service_id=ROBOT)


def test_a_machine_is_created_once() -> None:
    given().when(new_machine()).then(CREATED)
    given(CREATED).when(new_machine(name="Other")).then()
    given(CREATED, DISABLED).when(new_machine()).then()


def test_every_new_key_is_another_generation() -> None:
    given(CREATED).when(new_key()).then(ROTATED)
    given(CREATED, ROTATED).when(new_key()).then()
    state = given(CREATED, ROTATED).state
    assert state == Active("Payroll", ("transfers:write",), f"lbk_{ROBOT}_2", 2)


def test_a_disabled_machine_stays_so() -> None:
    given(CREATED, ROTATED).when(DISABLE).then(DISABLED)
    gone = given(CREATED, ROTATED, DISABLED)
    assert gone.state == Disabled("Payroll", ("transfers:write",), f"lbk_{ROBOT}_2", 2)
    gone.when(DISABLE).then()
    gone.when(new_key(3)).then_refused(Reason.SERVICE_ACCOUNT_NOT_FOUND)


def test_nothing_can_be_done_to_no_machine() -> None:
    for command in (new_key(), DISABLE):
        given().when(command).then_refused(Reason.SERVICE_ACCOUNT_NOT_FOUND)


def test_a_machine_is_created_first_and_once() -> None:
    with pytest.raises(AssertionError, match="before anything else"):
        service_account.evolve(UNCREATED, ROTATED, NOON)
    with pytest.raises(AssertionError, match="once"):
        service_account.evolve(given(CREATED).state, CREATED, NOON)
