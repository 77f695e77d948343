"""Users: joining with credential and claim, and ending all sessions (identity.md §2, §6)."""

import pytest

from ledger.commands.user import InvalidateSessions, SetPasswordHash
from ledger.errors import Reason
from ledger.events.recorded import ANONYMOUS, SYSTEM, Actor
from ledger.events.user import AdminJoined, UserPasswordSet, UserRegistered, UserSessionsInvalidated
from tests.builders import (
    ADA,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_BORIS,
    AS_SUE,
    PEOPLE,
    SESSION,
    identity,
    registration,
    session_started,
)
from tests.specs import given

NEW, NEWER = identity("new"), identity("newer")
END_HERS = InvalidateSessions(user_id=ANNA, cause="logout_all")


def test_somebody_joins_with_a_password_and_may_act_at_once() -> None:
    told = given(PEOPLE).when(registration(NEW), by=ANONYMOUS)
    told.then_recorded(UserRegistered, UserPasswordSet)
    assert told.books.private == {
        ("credentials", NEW): {"password_hash": "$argon2id$"},
        ("principals", NEW): {"role": "user", "status": "ACTIVE", "session_version": 1},
    }


def test_an_address_belongs_to_one() -> None:
    taken = given(PEOPLE).done(registration(NEW), by=ANONYMOUS)
    taken.when(registration(NEWER), by=ANONYMOUS).then_refused(Reason.EMAIL_ALREADY_EXISTS)
    other = registration(NEWER, email_claim="claim of another")
    taken.when(other, by=ANONYMOUS).then_recorded(UserRegistered, UserPasswordSet)


def test_the_same_registration_joins_once() -> None:
    given(PEOPLE).done(registration(NEW)).when(registration(NEW)).then_nothing()


@pytest.mark.parametrize("role", ["support", "admin", "auditor"])
@pytest.mark.parametrize("actor", [ANONYMOUS, AS_ANNA, AS_SUE, AS_AUDREY])
def test_only_an_admin_grants_roles(role: str, actor: Actor) -> None:
    refused = given(PEOPLE).when(registration(NEW, role=role), by=actor)
    refused.then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_an_admin_joins_the_roster() -> None:
    told = given(PEOPLE).when(registration(NEW, role="admin"), by=AS_ADA)
    told.then_recorded(UserRegistered, UserPasswordSet, AdminJoined)
    assert told.lines[-1] == ("roster-admins", AdminJoined(user_id=NEW))
    assert NEW in told.books.state("roster-admins").admins


def test_an_admin_who_is_on_the_roster_does_not_join_it_again() -> None:
    known = given(PEOPLE, ("roster-admins", AdminJoined(user_id=NEW)))
    known.when(registration(NEW, role="admin"), by=SYSTEM).then_recorded(
        UserRegistered, UserPasswordSet
    )


def test_ending_ones_sessions_raises_the_version_that_every_request_asks() -> None:
    told = given(PEOPLE).when(END_HERS, by=AS_ANNA)
    told.then((f"user-{ANNA}", UserSessionsInvalidated(session_version=2, cause="logout_all")))
    assert told.books.private["principals", ANNA]["session_version"] == 2


def test_ending_ones_sessions_ends_the_one_that_asks() -> None:
    story = given(PEOPLE, session_started())
    session = (SESSION, 1)
    story.when(END_HERS, by=AS_ANNA, session=session).then_recorded(UserSessionsInvalidated)
    story.when(END_HERS, by=AS_ANNA, session=session).then_refused(Reason.TOKEN_REVOKED)


def test_only_an_admin_ends_the_sessions_of_others() -> None:
    for actor in (AS_BORIS, AS_SUE, AS_AUDREY):
        refused = given(PEOPLE).when(END_HERS, by=actor)
        refused.then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    given(PEOPLE).when(END_HERS, by=AS_ADA).then_recorded(UserSessionsInvalidated)


def test_nobody_has_no_sessions_to_end() -> None:
    asked = InvalidateSessions(user_id=NEW, cause="logout_all")
    given(PEOPLE).when(asked, by=AS_ADA).then_refused(Reason.USER_NOT_FOUND)


def test_a_rehash_replaces_the_credential_and_says_nothing() -> None:
    told = given(PEOPLE).when(SetPasswordHash(user_id=ADA, password_hash="$new$"))
    told.then_nothing()
    assert told.books.private["credentials", ADA] == {"password_hash": "$new$"}
    nobody = SetPasswordHash(user_id=NEW, password_hash="$new$")
    given(PEOPLE).when(nobody).then_refused(Reason.USER_NOT_FOUND)
