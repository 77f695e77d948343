"""Sessions: whoever may act signs in; a token that comes back kills its family (identity.md §6)."""

import pytest

from ledger.commands.command import Command
from ledger.commands.session import CloseSession
from ledger.commands.user import InvalidateSessions
from ledger.errors import Reason
from ledger.events.session import (
    RefreshTokenReuseDetected,
    SessionEnded,
    SessionRefreshed,
    SessionStarted,
)
from ledger.events.user import UserReactivated, UserSuspended
from tests.builders import (
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_BORIS,
    BORIS,
    FIRST,
    NEXT_NOON,
    PEOPLE,
    SECOND,
    SESSION,
    THIRD,
    identity,
    log_out,
    refresh,
    session_started,
    sign_in,
)
from tests.specs import given

STREAM = f"session-{SESSION}"
CLOSE = CloseSession(session_id=SESSION)
SIGNED_IN = [*PEOPLE, session_started()]
SUSPENDED = (f"user-{ANNA}", UserSuspended())
RENEWED = "2026-03-16T12:00:00.000000Z"


def test_signing_in_starts_a_family_and_keeps_what_every_request_asks() -> None:
    told = given(PEOPLE).when(sign_in())
    told.then(session_started())
    assert told.books.private["session_state", SESSION] == {
        "user_id": ANNA,
        "jti": FIRST,
        "alive": True,
        "expires_at": NEXT_NOON,
    }


def test_signing_in_twice_under_one_id_starts_once() -> None:
    given(PEOPLE).done(sign_in()).when(sign_in()).then_nothing()


def test_nobody_and_nobody_suspended_signs_in() -> None:
    given(PEOPLE).when(sign_in(identity("nobody"))).then_refused(Reason.ACCOUNT_INACTIVE)
    given(PEOPLE, SUSPENDED).when(sign_in()).then_refused(Reason.ACCOUNT_INACTIVE)
    back = given(PEOPLE, SUSPENDED, (f"user-{ANNA}", UserReactivated()))
    back.when(sign_in()).then_recorded(SessionStarted)


def test_a_refresh_replaces_the_token() -> None:
    told = given(SIGNED_IN).when(refresh())
    told.then((STREAM, SessionRefreshed(old_jti=FIRST, new_jti=SECOND, expires_at=RENEWED)))
    kept = told.books.private["session_state", SESSION]
    assert (kept["jti"], kept["alive"], kept["expires_at"]) == (SECOND, True, RENEWED)


def test_of_two_refreshes_with_one_token_one_succeeds_and_the_other_kills_the_family() -> None:
    story = given(SIGNED_IN).done(refresh(FIRST, SECOND))
    told = story.when(refresh(FIRST, THIRD))
    told.then_recorded_and_refused(
        Reason.TOKEN_REVOKED,
        (STREAM, RefreshTokenReuseDetected(jti=FIRST)),
        (STREAM, SessionEnded(cause="reuse")),
    )
    assert told.books.private["session_state", SESSION]["alive"] is False
    story.when(refresh(SECOND, THIRD)).then_refused(Reason.TOKEN_REVOKED)


def test_logging_out_with_a_replaced_token_kills_the_family_too() -> None:
    told = given(SIGNED_IN).done(refresh()).when(log_out(FIRST))
    told.then_recorded_and_refused(
        Reason.TOKEN_REVOKED,
        (STREAM, RefreshTokenReuseDetected(jti=FIRST)),
        (STREAM, SessionEnded(cause="reuse")),
    )


def test_logging_out_ends_the_family() -> None:
    told = given(SIGNED_IN).when(log_out())
    told.then((STREAM, SessionEnded(cause="logout")))
    assert told.books.private["session_state", SESSION]["alive"] is False


def test_one_of_ones_own_sessions_is_ended_from_any_other() -> None:
    told = given(SIGNED_IN).when(CLOSE, by=AS_ANNA)
    told.then((STREAM, SessionEnded(cause="logout")))
    assert told.books.private["session_state", SESSION]["alive"] is False


def test_a_strangers_an_ended_and_an_unknown_session_are_not_found() -> None:
    for stranger in (AS_BORIS, AS_ADA):
        given(SIGNED_IN).when(CLOSE, by=stranger).then_refused(Reason.SESSION_NOT_FOUND)
    ended = given(SIGNED_IN).done(log_out())
    ended.when(CLOSE, by=AS_ANNA).then_refused(Reason.SESSION_NOT_FOUND)
    given(PEOPLE).when(CLOSE, by=AS_ANNA).then_refused(Reason.SESSION_NOT_FOUND)


@pytest.mark.parametrize("command", [refresh(), log_out()])
def test_an_unknown_family_is_not_found(command: Command) -> None:
    given(PEOPLE).when(command).then_refused(Reason.TOKEN_NOT_FOUND)


@pytest.mark.parametrize(
    "command",
    [
        refresh(session_version=2),
        refresh(session_version=0),
        log_out(session_version=2),
        refresh(user_id=BORIS),
        log_out(user_id=BORIS),
    ],
)
def test_a_stale_session_version_or_another_user_is_refused_without_a_trace(
    command: Command,
) -> None:
    given(SIGNED_IN).when(command).then_refused(Reason.TOKEN_REVOKED)


def test_tokens_from_before_all_sessions_were_ended_are_dead() -> None:
    end_all = InvalidateSessions(user_id=ANNA, cause="logout_all")
    story = given(SIGNED_IN).done(end_all)
    story.when(refresh()).then_refused(Reason.TOKEN_REVOKED)
    story.when(log_out()).then_refused(Reason.TOKEN_REVOKED)


def test_a_suspended_user_cannot_refresh() -> None:
    given(SIGNED_IN, SUSPENDED).when(refresh()).then_refused(Reason.TOKEN_REVOKED)


def test_an_ended_family_stays_dead() -> None:
    story = given(SIGNED_IN).done(log_out())
    for command in (refresh(), log_out(), sign_in()):
        story.when(command).then_refused(Reason.TOKEN_REVOKED)
