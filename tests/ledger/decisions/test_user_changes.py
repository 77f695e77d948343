"""People who are there: fields by rights, rights, password, deletion (identity.md §7, §8.1)."""

from typing import Any

import pytest

from ledger.commands.user import (
    ChangeRole,
    DeleteUser,
    InvalidateSessions,
    ReactivateUser,
    RegisterUser,
    SetPassword,
    SuspendUser,
    UpdateProfile,
    UpdateUser,
)
from ledger.errors import Reason
from ledger.events.recorded import ANONYMOUS, SYSTEM, Actor
from ledger.events.session import SessionStarted
from ledger.events.user import (
    AdminJoined,
    AdminLeft,
    UserDeleted,
    UserEmailChanged,
    UserPasswordSet,
    UserReactivated,
    UserRenamed,
    UserRoleChanged,
    UserSessionsInvalidated,
    UserSuspended,
    UserVerificationChanged,
)
from tests.builders import (
    ADA,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_SUE,
    AUDREY,
    BORIS,
    NEXT_NOON,
    PEOPLE,
    SECOND,
    SESSION,
    SUE,
    TOWN,
    identity,
    registration,
    seal,
    session_started,
    transfer,
    user,
)
from tests.specs import Story, given

NEW, EVE = identity("new"), identity("eve")
ROSTER = ("roster-admins", AdminJoined(user_id=ADA))
TWO_ADMINS = [*user(EVE, "admin"), ("roster-admins", AdminJoined(user_id=EVE))]
AS_EVE = Actor(type="user", id=EVE, role="admin")
DENIED = Reason.INSUFFICIENT_PERMISSIONS
ENDED = UserSessionsInvalidated


def people(*more: Any) -> Story:
    return given(PEOPLE, ROSTER, *more)


def address(text: str, owner: str) -> dict[str, Any]:
    return {"email": seal(text, owner), "email_claim": text}


def update(user_id: str, **fields: Any) -> UpdateUser:
    return UpdateUser(user_id=user_id, **fields)


def profile(user_id: str, **fields: Any) -> UpdateProfile:
    return UpdateProfile(user_id=user_id, **fields)


def newcomer(**fields: Any) -> RegisterUser:
    return registration(NEW, **address("new@example.com", NEW), **fields)


def password(user_id: str) -> SetPassword:
    return SetPassword(
        user_id=user_id,
        password_hash="$new$",
        session_id=identity("fresh"),
        jti=SECOND,
        expires_at=NEXT_NOON,
    )


def delete(user_id: str) -> DeleteUser:
    return DeleteUser(user_id=user_id, erasure_id=identity("erasure"))


NAME: dict[str, Any] = {"full_name": seal("Another", BORIS)}
MAIL: dict[str, Any] = {
    "email": seal("other@example.com", BORIS),
    "email_claim": "other@example.com",
}
STANDING: list[dict[str, Any]] = [{"role": "support"}, {"status": "SUSPENDED"}, {"verified": True}]
PERSONAL: list[dict[str, Any]] = [NAME, MAIL]
BY_ID = [
    (by, target, fields, allowed)
    for by, target, personal, standing in (
        (AS_ADA, BORIS, True, True),
        (AS_ADA, SUE, True, True),
        (AS_ADA, EVE, True, True),
        (AS_SUE, BORIS, True, False),
        (AS_SUE, AUDREY, False, False),
        (AS_SUE, SUE, False, False),
        (AS_SUE, EVE, False, False),
        (AS_AUDREY, BORIS, False, False),
        (AS_ANNA, BORIS, False, False),
        (AS_ANNA, ANNA, False, False),
        (SYSTEM, BORIS, True, True),
    )
    for group, allowed in ((PERSONAL, personal), (STANDING, standing))
    for fields in group
    if fields != {"role": "support"} or target != SUE
]
OWN = [
    (by, fields, allowed)
    for by, standing in ((AS_ANNA, False), (AS_SUE, False), (AS_AUDREY, False), (AS_EVE, True))
    for fields, allowed in (
        (NAME, True), (MAIL, True), ({"role": "auditor"}, standing), ({"status": "SUSPENDED"},
        standing),
    )
]  # fmt: skip


@pytest.mark.parametrize(("by", "target", "fields", "allowed"), BY_ID)
def test_who_may_change_which_field_of_whom(
    by: Actor, target: str, fields: dict[str, Any], *, allowed: bool
) -> None:
    told = people(TWO_ADMINS).when(update(target, **fields), by=by)
    if allowed:
        assert told.lines[0][0] == f"user-{target}"
        assert told.refused is None
    else:
        told.then_refused(DENIED)


@pytest.mark.parametrize(("by", "fields", "allowed"), OWN)
def test_which_of_their_own_fields_people_may_change(
    by: Actor, fields: dict[str, Any], *, allowed: bool
) -> None:
    assert by.id is not None
    told = people(TWO_ADMINS).when(profile(by.id, **fields), by=by)
    assert told.lines if allowed else not told.lines
    if not allowed:
        told.then_refused(DENIED)


def test_a_profile_is_only_ones_own() -> None:
    for by in (AS_ADA, SYSTEM, AS_ANNA):
        people().when(profile(BORIS, **NAME), by=by).then_refused(DENIED)


def test_one_forbidden_field_voids_the_whole_wish() -> None:
    people().when(profile(ANNA, **NAME, role="admin"), by=AS_ANNA).then_refused(DENIED)
    people().when(update(BORIS, **NAME, verified=True), by=AS_SUE).then_refused(DENIED)


def test_everything_that_is_new_is_told_once() -> None:
    fields = {**NAME, **MAIL, "role": "auditor", "status": "SUSPENDED", "verified": True}
    told = people().when(update(BORIS, **fields), by=AS_ADA)
    told.then(
        (f"user-{BORIS}", UserEmailChanged(email=MAIL["email"])),
        (f"user-{BORIS}", UserRenamed(full_name=NAME["full_name"])),
        (f"user-{BORIS}", UserVerificationChanged(verified=True)),
        (f"user-{BORIS}", UserRoleChanged(before="user", to="auditor")),
        (f"user-{BORIS}", UserSuspended()),
        (f"user-{BORIS}", ENDED(session_version=2, cause="suspended")),
    )
    assert told.books.private["principals", BORIS] == {
        "role": "auditor", "status": "SUSPENDED", "session_version": 2,
    }  # fmt: skip
    people().done(update(BORIS, **fields)).when(update(BORIS, **fields)).then_nothing()


def test_a_name_and_an_address_end_no_session() -> None:
    told = people().when(update(BORIS, **NAME, **MAIL, verified=True), by=AS_ADA)
    told.then_recorded(UserEmailChanged, UserRenamed, UserVerificationChanged)
    assert ("principals", BORIS) not in told.books.private


def test_another_role_ends_all_sessions() -> None:
    told = people().when(ChangeRole(user_id=BORIS, role="support"), by=AS_ADA)
    told.then_recorded(UserRoleChanged, ENDED)
    assert told.books.private["principals", BORIS]["session_version"] == 2
    people().when(ChangeRole(user_id=BORIS, role="user"), by=AS_ADA).then_nothing()


def test_whoever_is_suspended_is_out_until_they_are_reactivated() -> None:
    story = given(TOWN, ROSTER, session_started())
    suspended = story.done(SuspendUser(user_id=ANNA, reason="fraud"))
    suspended.when(transfer(), by=AS_ANNA, session=(SESSION, 1)).then_refused(Reason.TOKEN_REVOKED)
    suspended.when(transfer(), by=AS_ADA).then_refused(Reason.ACCOUNT_SUSPENDED)
    suspended.when(SuspendUser(user_id=ANNA)).then_nothing()
    told = suspended.when(ReactivateUser(user_id=ANNA), by=AS_ADA)
    told.then((f"user-{ANNA}", UserReactivated()))
    assert told.books.private["principals", ANNA] == {
        "role": "user", "status": "ACTIVE", "session_version": 2,
    }  # fmt: skip
    suspended.when(transfer(), by=AS_ANNA, session=(SESSION, 1)).then_refused(Reason.TOKEN_REVOKED)


@pytest.mark.parametrize("command", [
    ChangeRole(user_id=BORIS, role="support"),
    SuspendUser(user_id=BORIS),
    ReactivateUser(user_id=BORIS),
])  # fmt: skip
def test_only_an_admin_changes_rights(command: Any) -> None:
    for by in (AS_ANNA, AS_SUE, AS_AUDREY, ANONYMOUS):
        people().when(command, by=by).then_refused(DENIED)


def test_a_changed_address_is_free_for_the_next_one() -> None:
    story = people().done(newcomer(), by=ANONYMOUS)
    moved = story.done(update(NEW, **address("moved@example.com", NEW)))
    other = registration(identity("next"), **address("new@example.com", identity("next")))
    assert moved.when(other, by=ANONYMOUS).refused is None
    back = update(NEW, **address("new@example.com", NEW))
    moved.when(back, by=AS_ADA).then_refused(Reason.EMAIL_ALREADY_EXISTS)


def test_an_address_of_somebody_else_is_refused_and_nothing_changes() -> None:
    story = people().done(newcomer(), by=ANONYMOUS)
    taken = update(BORIS, **address("new@example.com", BORIS), **NAME, role="support")
    story.when(taken, by=AS_ADA).then_refused(Reason.EMAIL_ALREADY_EXISTS)


def test_the_same_address_and_the_same_name_are_nothing_new() -> None:
    story = people().done(newcomer(full_name=seal("New Comer", NEW)), by=ANONYMOUS)
    same = update(NEW, **address("new@example.com", NEW), full_name=seal("New Comer", NEW))
    story.when(same, by=AS_ADA).then_nothing()


def test_the_version_is_judged_after_the_rights_and_before_the_rest() -> None:
    story = people().done(newcomer(), by=ANONYMOUS)
    taken = update(BORIS, **address("new@example.com", BORIS))
    story.when(taken, by=AS_SUE, if_match=(7,)).then_refused(Reason.VERSION_CONFLICT)
    story.when(update(SUE, **NAME), by=AS_SUE, if_match=(7,)).then_refused(DENIED)
    story.when(delete(ADA), by=AS_EVE, if_match=(7,)).then_refused(Reason.VERSION_CONFLICT)
    story.when(update(BORIS, **NAME), by=AS_SUE, if_match=(1,)).then_recorded(UserRenamed)


@pytest.mark.parametrize("command", [
    update(ADA, role="user"),
    update(ADA, status="SUSPENDED"),
    ChangeRole(user_id=ADA, role="auditor"),
    SuspendUser(user_id=ADA),
    delete(ADA),
])  # fmt: skip
def test_the_last_admin_stays(command: Any) -> None:
    people().when(command, by=SYSTEM).then_refused(Reason.LAST_ADMIN)
    people(TWO_ADMINS).when(command, by=SYSTEM).told_last(AdminLeft)
    people(TWO_ADMINS).done(SuspendUser(user_id=EVE)).when(command).then_refused(Reason.LAST_ADMIN)


def test_the_last_admin_does_not_leave_by_the_profile_either() -> None:
    people().when(profile(ADA, role="user"), by=AS_ADA).then_refused(Reason.LAST_ADMIN)
    told = people(TWO_ADMINS).when(profile(ADA, role="user"), by=AS_ADA)
    told.then_recorded(UserRoleChanged, ENDED, AdminLeft)


@pytest.mark.parametrize(("command", "cause"), [
    (update(ADA, role="user", status="SUSPENDED"), "role_changed"),
    (SuspendUser(user_id=ADA), "suspended"),
    (delete(ADA), "deleted"),
])  # fmt: skip
def test_the_roster_knows_why_somebody_left(command: Any, cause: str) -> None:
    told = people(TWO_ADMINS).when(command)
    assert told.lines[-1] == ("roster-admins", AdminLeft(user_id=ADA, cause=cause))
    assert told.books.state("roster-admins").admins == {EVE}


def test_whoever_becomes_an_admin_again_is_on_the_roster_again() -> None:
    story = people(TWO_ADMINS).done(SuspendUser(user_id=ADA))
    told = story.when(ReactivateUser(user_id=ADA), by=AS_EVE)
    told.then((f"user-{ADA}", UserReactivated()), ROSTER)
    made = people().when(update(BORIS, role="admin"), by=AS_ADA)
    made.told_last(AdminJoined)


def test_a_new_password_ends_all_sessions_and_begins_one() -> None:
    told = given(PEOPLE, session_started()).when(password(ANNA), by=AS_ANNA, session=(SESSION, 1))
    told.then_recorded(UserPasswordSet, ENDED, SessionStarted)
    assert told.lines[0][1] == UserPasswordSet(by="self")
    assert told.books.private["credentials", ANNA] == {"password_hash": "$new$"}
    assert told.books.private["principals", ANNA]["session_version"] == 2
    assert told.books.private["session_state", identity("fresh")]["alive"] is True
    story = given(PEOPLE, session_started()).done(password(ANNA), by=AS_ANNA)
    old = story.when(password(ANNA), by=AS_ANNA, session=(SESSION, 1))
    old.then_refused(Reason.TOKEN_REVOKED)


def test_nobody_sets_the_password_of_somebody_else() -> None:
    for by in (AS_ADA, AS_SUE, AS_AUDREY, SYSTEM):
        people().when(password(BORIS), by=by).then_refused(DENIED)


def test_whoever_is_deleted_leaves_address_credential_and_key() -> None:
    story = people().done(newcomer(), by=ANONYMOUS)
    told = story.when(delete(NEW), by=AS_ADA)
    told.then(
        (f"user-{NEW}", ENDED(session_version=2, cause="deleted")),
        (f"user-{NEW}", UserDeleted(erasure_id=identity("erasure"))),
    )
    assert told.view is not None
    assert [(row.table, row.key, row.values is None) for row in told.view.rows] == [
        ("principals", NEW, False),
        ("credentials", NEW, True),
        ("data_keys", f"key of {NEW}", True),
    ]
    assert told.books.private["principals", NEW] == {
        "role": "user", "status": "DELETED", "session_version": 2,
    }  # fmt: skip
    assert ("credentials", NEW) not in told.books.private
    again = registration(identity("next"), **address("new@example.com", identity("next")))
    assert story.when(again, by=ANONYMOUS).refused is None


@pytest.mark.parametrize("command", [
    delete(BORIS),
    update(BORIS, **NAME),
    profile(BORIS, **NAME),
    password(BORIS),
    SuspendUser(user_id=BORIS),
    ReactivateUser(user_id=BORIS),
    ChangeRole(user_id=BORIS, role="admin"),
    InvalidateSessions(user_id=BORIS, cause="logout_all"),
])  # fmt: skip
def test_whoever_is_gone_or_never_was_there_is_not_found(command: Any) -> None:
    people().done(delete(BORIS)).when(command, by=AS_ADA).then_refused(Reason.USER_NOT_FOUND)
    given().when(command, by=AS_ADA).then_refused(Reason.USER_NOT_FOUND)


def test_only_an_admin_deletes_and_never_themselves() -> None:
    for by in (AS_ANNA, AS_SUE, AS_AUDREY, ANONYMOUS):
        people(TWO_ADMINS).when(delete(BORIS), by=by).then_refused(DENIED)
    people(TWO_ADMINS).when(delete(ADA), by=AS_ADA).then_refused(DENIED)
    people(TWO_ADMINS).when(delete(BORIS), by=AS_ANNA, if_match=(9,)).then_refused(DENIED)


def test_an_admin_lets_somebody_join_whom_others_may_not() -> None:
    by_admin = newcomer(origin="admin")
    for by in (ANONYMOUS, AS_ANNA, AS_SUE, AS_AUDREY):
        people().when(by_admin, by=by).then_refused(DENIED)
    assert people().when(by_admin, by=AS_ADA).refused is None


def test_a_deleted_person_owns_accounts_that_pay_no_more() -> None:
    story = given(TOWN, ROSTER).done(delete(ANNA))
    story.when(transfer(), by=AS_ADA).then_refused(Reason.ACCOUNT_SUSPENDED)
    story.when(transfer(), by=AS_ANNA, session=(SESSION, 1)).then_refused(Reason.TOKEN_REVOKED)
