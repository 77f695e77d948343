"""User and the roster of administrators (identity.md §2, §6)."""

import pytest

from ledger.aggregates import user
from ledger.commands.user import InvalidateSessions
from ledger.errors import Reason
from ledger.events.user import (
    AdminJoined,
    AdminLeft,
    UserEvent,
    UserPasswordSet,
    UserReactivated,
    UserRegistered,
    UserSessionsInvalidated,
    UserSuspended,
)
from tests.builders import ADA, ANNA, BORIS, NOON, registration, seal
from tests.specs import Decider

given = Decider[user.User, user.UserCommand, UserEvent](
    user.decide, user.evolve, user.UNREGISTERED
).given
JOINED = UserRegistered(
    user_id=ANNA,
    email=seal("new@example.com"),
    full_name=seal("New Comer"),
    role="user",
    origin="public",
)
END_ALL = InvalidateSessions(user_id=ANNA, cause="logout_all")


def folded(*history: UserEvent) -> user.Registered:
    state = given(*history).state
    assert isinstance(state, user.Registered)
    return state


def test_somebody_joins_with_a_password() -> None:
    given().when(registration(ANNA)).then(JOINED, UserPasswordSet(by="registration"))


def test_joining_again_changes_nothing() -> None:
    given(JOINED).when(registration(ANNA)).then()


def test_a_new_user_is_active_unverified_and_has_the_first_session_version() -> None:
    state = folded(JOINED, UserPasswordSet(by="registration"))
    assert (state.active, state.verified, state.session_version) == (True, False, 1)


def test_ending_all_sessions_raises_the_session_version() -> None:
    first = UserSessionsInvalidated(session_version=2, cause="logout_all")
    given(JOINED).when(END_ALL).then(first)
    given(JOINED, first).when(END_ALL).then(
        UserSessionsInvalidated(session_version=3, cause="logout_all")
    )


def test_sessions_that_have_ended_are_not_ended_again() -> None:
    first = UserSessionsInvalidated(session_version=2, cause="logout_all")
    meant = InvalidateSessions(user_id=ANNA, cause="logout_all", session_version=1)
    given(JOINED).when(meant).then(first)
    given(JOINED, first).when(meant).then()


def test_nobody_has_no_sessions_to_end() -> None:
    given().when(END_ALL).then_refused(Reason.USER_NOT_FOUND)


def test_a_suspended_user_may_not_act_until_reactivated() -> None:
    assert not folded(JOINED, UserSuspended(reason="fraud")).active
    assert folded(JOINED, UserSuspended(), UserReactivated()).active


def test_a_user_registers_first_and_once() -> None:
    with pytest.raises(AssertionError):
        given(UserSuspended())
    with pytest.raises(AssertionError):
        given(JOINED, JOINED)


def test_the_roster_knows_who_administers() -> None:
    roster = user.EMPTY_ROSTER
    for event in (AdminJoined(user_id=ADA), AdminJoined(user_id=BORIS)):
        roster = user.evolve_roster(roster, event, NOON)
    assert roster.admins == {ADA, BORIS}
    left = user.evolve_roster(roster, AdminLeft(user_id=BORIS, cause="role"), NOON)
    assert left.admins == {ADA}
