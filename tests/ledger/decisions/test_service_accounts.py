"""Service accounts: admins let machines in; their keys and scopes are judged inside the append."""

from typing import Any

import pytest

from ledger.commands.service_account import DisableServiceAccount
from ledger.errors import Reason
from ledger.events.service_account import (
    ServiceAccountCreated,
    ServiceAccountDisabled,
    ServiceKeyRotated,
)
from ledger.events.transfer import TransferBooked
from tests.builders import (
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_ROBOT,
    AS_SUE,
    HERS,
    HIS,
    ROBOT,
    TOWN,
    account,
    identity,
    machine,
    new_key,
    new_machine,
    opening,
    transfer,
)
from tests.specs import given

STREAM = f"service-{ROBOT}"
FIRST_KEY, SECOND_KEY = ("", 1), ("", 2)
DISABLE = DisableServiceAccount(service_id=ROBOT)
ROTATED = (STREAM, ServiceKeyRotated(key_prefix=f"lbk_{ROBOT}_2"))
GONE = (STREAM, ServiceAccountDisabled())


def kept(told: Any) -> Any:
    return told.books.private["service_keys", ROBOT]


def test_a_machine_is_let_in_with_the_hash_of_its_key_beside_the_log() -> None:
    told = given(TOWN).when(new_machine(), by=AS_ADA)
    told.then_recorded(ServiceAccountCreated)
    assert kept(told) == {
        "key_hash": b"1" * 32,
        "generation": 1,
        "scopes": ["transfers:write"],
        "status": "ACTIVE",
    }
    [(_, event)] = told.lines
    assert b"1" * 32 not in (getattr(event, name) for name in event.__struct_fields__)


def test_a_new_key_and_the_end_are_kept_for_every_request() -> None:
    story = given(TOWN).done(new_machine())
    told = story.when(new_key(), by=AS_ADA)
    told.then(ROTATED)
    assert (kept(told)["key_hash"], kept(told)["generation"]) == (b"2" * 32, 2)
    told = story.when(DISABLE, by=AS_ADA)
    told.then(GONE)
    assert (kept(told)["key_hash"], kept(told)["status"]) == (None, "DISABLED")
    story.when(DISABLE, by=AS_ADA).then_nothing()


@pytest.mark.parametrize("command", [new_machine(), new_key(), DISABLE])
def test_only_admins_let_machines_in_and_out(command: Any) -> None:
    for actor in (AS_ANNA, AS_SUE, AS_AUDREY):
        story = given(TOWN) if command == new_machine() else given(TOWN, *machine())
        story.when(command, by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_a_machine_manages_no_machines() -> None:
    story = given(TOWN, *machine("transfers:write", "accounts:write"))
    told = story.when(new_key(), by=AS_ROBOT, session=FIRST_KEY)
    told.then_refused(Reason.INSUFFICIENT_PERMISSIONS)


@pytest.mark.parametrize("command", [new_key(), DISABLE])
def test_an_unknown_machine_is_not_found(command: Any) -> None:
    given(TOWN).when(command, by=AS_ADA).then_refused(Reason.SERVICE_ACCOUNT_NOT_FOUND)


def test_another_version_than_expected_is_refused() -> None:
    story = given(TOWN, *machine())
    for command in (new_key(), DISABLE):
        told = story.when(command, by=AS_ADA, if_match=(2,))
        told.then_refused(Reason.VERSION_CONFLICT)


def test_a_machine_acts_within_its_scopes_on_anybodys_account() -> None:
    told = given(TOWN, *machine("transfers:write")).when(transfer(), by=AS_ROBOT, session=FIRST_KEY)
    assert told.refused is None
    [booked] = [event for _, event in told.lines if isinstance(event, TransferBooked)]
    assert booked.initiated_by == ROBOT
    others = given(TOWN, *machine("accounts:read", "holds:write", "ledger:read"))
    told = others.when(transfer(), by=AS_ROBOT, session=FIRST_KEY)
    told.then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    told = others.when(opening(identity("new"), ANNA), by=AS_ROBOT, session=FIRST_KEY)
    told.then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    opener = given(TOWN, *machine("accounts:write"))
    told = opener.when(opening(identity("new"), ANNA), by=AS_ROBOT, session=FIRST_KEY)
    assert told.refused is None


def test_no_machine_sets_the_terms_of_an_account() -> None:
    story = given(TOWN, *machine("accounts:write"))
    asked = opening(identity("new"), ANNA, opening_balance=100)
    told = story.when(asked, by=AS_ROBOT, session=FIRST_KEY)
    told.then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_a_replaced_key_an_ended_machine_and_none_are_refused() -> None:
    rotated = given(TOWN, *machine("transfers:write"), ROTATED)
    rotated.when(transfer(), by=AS_ROBOT, session=FIRST_KEY).then_refused(Reason.INVALID_TOKEN)
    rotated.when(transfer(), by=AS_ROBOT).then_refused(Reason.INVALID_TOKEN)
    assert rotated.when(transfer(), by=AS_ROBOT, session=SECOND_KEY).refused is None
    gone = given(TOWN, *machine("transfers:write"), GONE)
    gone.when(transfer(), by=AS_ROBOT, session=FIRST_KEY).then_refused(Reason.TOKEN_REVOKED)
    gone.when(transfer(), by=AS_ROBOT, session=SECOND_KEY).then_refused(Reason.INVALID_TOKEN)
    nobody = given(TOWN).when(transfer(), by=AS_ROBOT, session=FIRST_KEY)
    nobody.then_refused(Reason.INVALID_TOKEN)


def test_no_limit_holds_a_machine_and_its_transfers_do_not_use_the_owners_day_up() -> None:
    rich, robot = identity("rich"), machine("transfers:write")
    story = given(TOWN, *account(rich, ANNA, balance=1_000_000), *robot)
    large = transfer(source_account_id=rich, destination_account_id=HIS, amount="5000.00")
    story.when(large, by=AS_ANNA).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)
    assert story.when(large, by=AS_ROBOT, session=FIRST_KEY).refused is None
    again = transfer(
        transfer_id=identity("own"), posting_id=identity("own posting"),
        source_account_id=rich, destination_account_id=HIS, amount="800.00",
    )  # fmt: skip
    assert story.when(again, by=AS_ANNA).refused is None


def test_a_machine_cannot_overdraw() -> None:
    story = given(TOWN, *machine("transfers:write"))
    asked = transfer(source_account_id=HERS, destination_account_id=HIS, amount="1000.01")
    told = story.when(asked, by=AS_ROBOT, session=FIRST_KEY)
    told.then_refused(Reason.INSUFFICIENT_FUNDS)
