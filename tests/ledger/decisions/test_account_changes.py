"""Accounts change along the table of ledger.md §3, by whom §8.1 of identity.md names."""

from typing import Any

import pytest

from ledger.commands.account import (
    ActivateAccount,
    CloseAccount,
    DeactivateAccount,
    FreezeAccount,
    RenameAccount,
    SetLimits,
    StateCommand,
    UnfreezeAccount,
)
from ledger.commands.command import Command
from ledger.errors import Reason
from ledger.events.account import (
    AccountActivated,
    AccountClosed,
    AccountCreditLimitChanged,
    AccountDeactivated,
    AccountFrozen,
    AccountLimitsChanged,
    AccountRenamed,
    AccountUnfrozen,
)
from ledger.events.event import Event
from ledger.events.recorded import SYSTEM, Actor
from tests.builders import (
    ADA,
    ALSO_HERS,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_BORIS,
    AS_SUE,
    HERS,
    HIS,
    OTHER_PAYMENT,
    PEOPLE,
    TOWN,
    account,
    cancel,
    completion,
    failure,
    held,
    identity,
    process,
    seal,
    wish,
)
from tests.specs import Story, given

FREEZE = FreezeAccount(account_id=ALSO_HERS, reason="lost card")
THAW = UnfreezeAccount(account_id=ALSO_HERS, reason="found")
REST, WAKE = DeactivateAccount(account_id=ALSO_HERS), ActivateAccount(account_id=ALSO_HERS)
CLOSE = CloseAccount(account_id=ALSO_HERS)
EMPTY = f"account-{ALSO_HERS}"
COMMANDS: tuple[StateCommand, ...] = (FREEZE, THAW, REST, WAKE, CLOSE)
WAYS: dict[str, tuple[StateCommand, ...]] = {
    "ACTIVE": (),
    "INACTIVE": (REST,),
    "FROZEN": (FREEZE,),
    "FROZEN at rest": (REST, FREEZE),
    "CLOSED": (CLOSE,),
}
BECOMES: dict[tuple[str, StateCommand], Event] = {
    ("ACTIVE", FREEZE): AccountFrozen(reason="lost card", previous_status="ACTIVE"),
    ("INACTIVE", FREEZE): AccountFrozen(reason="lost card", previous_status="INACTIVE"),
    ("FROZEN", THAW): AccountUnfrozen(reason="found", status="ACTIVE"),
    ("FROZEN at rest", THAW): AccountUnfrozen(reason="found", status="INACTIVE"),
    ("ACTIVE", REST): AccountDeactivated(),
    ("INACTIVE", WAKE): AccountActivated(),
    ("ACTIVE", CLOSE): AccountClosed(),
    ("INACTIVE", CLOSE): AccountClosed(),
}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("state", WAYS)
def test_every_pair_is_in_the_table_or_refused(state: str, command: StateCommand) -> None:
    story = given(TOWN).done(*WAYS[state])
    told = story.when(command)
    expected = BECOMES.get((state, command))
    if expected is None:
        told.then_refused(Reason.INVALID_ACCOUNT_TRANSITION, status=state.split(maxsplit=1)[0])
    else:
        told.then((EMPTY, expected))


def test_an_account_tells_its_state_and_why() -> None:
    story = given(TOWN).done(REST, FREEZE)
    state = story.books.state(EMPTY)
    assert (state.status, state.status_reason) == ("FROZEN", "lost card")
    state = story.done(THAW).books.state(EMPTY)
    assert (state.status, state.status_reason) == ("INACTIVE", None)
    assert story.done(CLOSE).books.state(EMPTY).status == "CLOSED"


OWNER, SUPPORT, ADMIN, STRANGER, AUDITOR = AS_ANNA, AS_SUE, AS_ADA, AS_BORIS, AS_AUDREY
RENAME = RenameAccount(account_id=ALSO_HERS, account_name=seal("Rainy days"))
LIMITS = SetLimits(account_id=ALSO_HERS, daily_limit="5.00")
FOREIGN, ROLE = Reason.UNAUTHORIZED_ACCESS, Reason.INSUFFICIENT_PERMISSIONS


@pytest.mark.parametrize(
    ("command", "before", "may", "refused"),
    [
        (RENAME, (), (OWNER, SUPPORT, ADMIN, SYSTEM), {STRANGER: FOREIGN, AUDITOR: ROLE}),
        (REST, (), (OWNER, SUPPORT, ADMIN, SYSTEM), {STRANGER: FOREIGN, AUDITOR: ROLE}),
        (WAKE, (REST,), (OWNER, SUPPORT, ADMIN), {STRANGER: FOREIGN, AUDITOR: ROLE}),
        (FREEZE, (), (SUPPORT, ADMIN, SYSTEM), {OWNER: ROLE, STRANGER: ROLE, AUDITOR: ROLE}),
        (THAW, (FREEZE,), (SUPPORT, ADMIN), {OWNER: ROLE, STRANGER: ROLE, AUDITOR: ROLE}),
        (CLOSE, (), (OWNER, ADMIN, SYSTEM), {STRANGER: FOREIGN, SUPPORT: FOREIGN, AUDITOR: ROLE}),
        (LIMITS, (), (ADMIN, SYSTEM), {OWNER: ROLE, SUPPORT: ROLE, AUDITOR: ROLE, STRANGER: ROLE}),
    ],
)
def test_who_may_change_an_account(
    command: Command,
    before: tuple[Command, ...],
    may: tuple[Actor, ...],
    refused: dict[Actor, Reason],
) -> None:
    for caller in may:
        told = given(TOWN).done(*before).when(command, by=caller)
        assert told.refused is None, caller
    for caller, reason in refused.items():
        given(TOWN).done(*before).when(command, by=caller).then_refused(reason)


def test_an_admin_sets_no_limits_of_an_own_account() -> None:
    own = identity("the admin's own")
    story = given(TOWN, account(own, ADA))
    command = SetLimits(account_id=own, daily_limit=None)
    story.when(command, by=AS_ADA).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_an_account_is_addressed_by_its_version() -> None:
    for command in (RENAME, LIMITS, *COMMANDS):
        told = given(TOWN).when(command, by=AS_ADA, if_match=(7,))
        told.then_refused(Reason.VERSION_CONFLICT, current_version=1)
    assert given(TOWN).when(CLOSE, if_match=(1,)).refused is None


def test_an_account_nobody_opened_cannot_be_changed() -> None:
    unknown = identity("nobody's")
    commands = (
        RenameAccount(account_id=unknown, account_name=seal("X")),
        SetLimits(account_id=unknown, daily_limit=None),
        CloseAccount(account_id=unknown),
    )
    for command in commands:
        given(TOWN).when(command, by=AS_BORIS).then_refused(Reason.ACCOUNT_NOT_FOUND)


def test_a_name_is_replaced_and_a_closed_account_keeps_its_own() -> None:
    renamed = AccountRenamed(account_name=seal("Rainy days"))
    story = given(TOWN)
    story.when(RENAME, by=AS_ANNA).then((EMPTY, renamed))
    story.when(RENAME, by=AS_ANNA).then_nothing()
    story.done(CLOSE).when(RENAME).then_refused(Reason.INVALID_ACCOUNT_TRANSITION)


def test_limits_that_are_not_given_stay_as_they_are() -> None:
    story = given(TOWN)
    first = SetLimits(account_id=HERS, daily_limit="5.00", single_limit="0")
    limits = AccountLimitsChanged(daily_limit=500, single_limit=0)
    story.when(first, by=AS_ADA).then((f"account-{HERS}", limits))
    only_one = SetLimits(account_id=HERS, daily_limit=None)
    story.when(only_one, by=AS_ADA).then(
        (f"account-{HERS}", AccountLimitsChanged(daily_limit=None, single_limit=0))
    )
    story.when(only_one, by=AS_ADA).then_nothing()
    for wrong, reason in (
        ("-1.00", Reason.NEGATIVE_AMOUNT),
        ("1.005", Reason.INVALID_AMOUNT_FORMAT),
        ("999999999999999999.00", Reason.INVALID_AMOUNT_FORMAT),
    ):
        story.when(SetLimits(account_id=HERS, single_limit=wrong)).then_refused(reason)
    shut = SetLimits(account_id=ALSO_HERS, single_limit="1.00")
    story.done(CLOSE).when(shut).then_refused(Reason.INVALID_ACCOUNT_TRANSITION)


def credit(limit: str) -> SetLimits:
    return SetLimits(account_id=HERS, credit_limit=limit)


def owing(balance: int, hold: int) -> Story:
    """Give Anna a CREDIT account with a limit of 100.00, a balance, and something held."""
    lines = account(HERS, ANNA, balance=balance, account_type="CREDIT", credit_limit=10_000)
    return given(PEOPLE, lines, [(f"account-{HERS}", held(hold))])


def test_a_credit_limit_never_leaves_an_account_overdrawn() -> None:
    story = owing(-4_000, 1_000)
    changed = AccountCreditLimitChanged(before=10_000, to=5_000)
    story.when(credit("49.99")).then_refused(Reason.NEGATIVE_BALANCE, available="-0.01")
    story.when(credit("50.00")).then((f"account-{HERS}", changed))
    assert story.books.state(f"account-{HERS}").available == 0
    story.when(credit("50.00")).then_nothing()


def test_credit_is_for_credit_accounts() -> None:
    given(TOWN).when(credit("0.01")).then_refused(Reason.CREDIT_LIMIT_NOT_ALLOWED)
    given(TOWN).when(credit("0.00")).then_nothing()


def test_an_account_with_money_or_a_hold_is_not_closed() -> None:
    full = CloseAccount(account_id=HERS)
    given(TOWN).when(full).then_refused(Reason.ACCOUNT_NOT_EMPTY, balance="1000.00")
    given(TOWN).happened((EMPTY, held(5))).when(CLOSE).then_refused(
        Reason.ACCOUNT_NOT_EMPTY, active_holds=1
    )


WAITING = {"unfinished_payments": 1}
INTO: dict[str, Any] = {
    "user_bank_account_id": ALSO_HERS, "direction": "CREDIT", "payment_type": "DEPOSIT",
}  # fmt: skip


def test_an_account_that_waits_for_a_payment_is_not_closed() -> None:
    story = given(TOWN).done(wish(**INTO), by=AS_ANNA)
    story.when(CLOSE).then_refused(Reason.ACCOUNT_NOT_EMPTY, **WAITING)
    story.done(cancel(), by=AS_ANNA).when(CLOSE).then((EMPTY, AccountClosed()))


def test_a_started_payment_is_waited_for_until_it_ends() -> None:
    story = given(TOWN).done(wish(**INTO), process(), by=AS_ADA)
    story.when(CLOSE).then_refused(Reason.ACCOUNT_NOT_EMPTY, **WAITING)
    story.done(failure()).when(CLOSE).then((EMPTY, AccountClosed()))


def test_every_payment_is_waited_for() -> None:
    story = given(TOWN).done(wish(**INTO), wish(payment_id=OTHER_PAYMENT, **INTO), by=AS_ANNA)
    story.done(wish(payment_id=OTHER_PAYMENT, **INTO), by=AS_ANNA)
    story.when(CLOSE).then_refused(Reason.ACCOUNT_NOT_EMPTY, unfinished_payments=2)
    story.done(cancel(), by=AS_ANNA)
    story.when(CLOSE).then_refused(Reason.ACCOUNT_NOT_EMPTY, **WAITING)


def test_a_payment_that_fails_in_the_background_is_waited_for_no_longer() -> None:
    story = given(TOWN).done(wish(user_bank_account_id=HIS), by=AS_BORIS)
    his = CloseAccount(account_id=HIS)
    story.when(his).then_refused(Reason.ACCOUNT_NOT_EMPTY, **WAITING)
    story.done(process(trigger="auto")).when(his).then_recorded(AccountClosed)


def test_money_on_its_way_keeps_its_destination_open() -> None:
    wanted = wish(destination_account_id=ALSO_HERS, payment_type="TRANSFER")
    story = given(TOWN).done(wanted, by=AS_ANNA)
    assert story.when(REST).refused is None, "a wish alone binds nobody else"
    story.done(WAKE, process(), by=AS_ANNA)
    story.when(CLOSE).then_refused(Reason.ACCOUNT_NOT_EMPTY, **WAITING)
    story.done(completion())
    story.when(CLOSE).then_refused(Reason.ACCOUNT_NOT_EMPTY, balance="10.00")


def test_a_wish_of_somebody_else_does_not_keep_an_account_open() -> None:
    wanted = wish(destination_account_id=ALSO_HERS, payment_type="TRANSFER")
    story = given(TOWN).done(wanted, by=AS_ANNA).done(CLOSE)
    story.when(process(), by=AS_ANNA).then_refused(Reason.ACCOUNT_INACTIVE)
