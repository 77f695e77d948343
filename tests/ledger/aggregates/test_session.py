"""Session: one token family, and what ends it (identity.md §6)."""

import pytest

from ledger.aggregates import session
from ledger.aggregates.session import Alive, Ended
from ledger.errors import Reason
from ledger.events.session import (
    RefreshTokenReuseDetected,
    SessionEnded,
    SessionEvent,
    SessionRefreshed,
    SessionStarted,
)
from tests.builders import (
    ANNA,
    FIRST,
    NEXT_NOON,
    SECOND,
    SESSION,
    THIRD,
    log_out,
    refresh,
    sign_in,
)
from tests.specs import Decider

given = Decider[session.Session, session.SessionCommand, SessionEvent](
    session.decide, session.evolve, session.UNSTARTED
).given
STARTED = SessionStarted(
    session_id=SESSION, user_id=ANNA, jti=FIRST, expires_at=NEXT_NOON, ip=None, user_agent=None
)
REFRESHED = SessionRefreshed(
    old_jti=FIRST, new_jti=SECOND, expires_at="2026-03-16T12:00:00.000000Z"
)
KILLED: list[SessionEvent] = [RefreshTokenReuseDetected(jti=FIRST), SessionEnded(cause="reuse")]


def test_signing_in_starts_a_family() -> None:
    given().when(sign_in()).then(STARTED)


def test_signing_in_again_under_the_same_id_changes_nothing() -> None:
    given(STARTED).when(sign_in()).then()


@pytest.mark.parametrize("command", [refresh(), log_out()])
def test_an_unknown_family_is_not_found(command: session.SessionCommand) -> None:
    given().when(command).then_refused(Reason.TOKEN_NOT_FOUND)


def test_the_refresh_token_is_exchanged_for_a_new_one() -> None:
    given(STARTED).when(refresh()).then(REFRESHED)


def test_the_same_exchange_asked_twice_is_made_once() -> None:
    given(STARTED, REFRESHED).when(refresh()).then()


def test_the_new_token_can_be_exchanged_in_turn() -> None:
    given(STARTED, REFRESHED).when(refresh(SECOND, THIRD)).then(
        SessionRefreshed(old_jti=SECOND, new_jti=THIRD, expires_at="2026-03-16T12:00:00.000000Z")
    )


@pytest.mark.parametrize("command", [refresh(FIRST, THIRD), log_out(FIRST)])
def test_a_replaced_token_kills_the_family(command: session.SessionCommand) -> None:
    given(STARTED, REFRESHED).when(command).then(*KILLED)


def test_logging_out_ends_the_family() -> None:
    given(STARTED).when(log_out()).then(SessionEnded(cause="logout"))


@pytest.mark.parametrize("cause", ["logout", "reuse"])
@pytest.mark.parametrize("command", [sign_in(), refresh(), log_out()])
def test_an_ended_family_stays_dead(command: session.SessionCommand, cause: str) -> None:
    given(STARTED, SessionEnded(cause=cause)).when(command).then_refused(Reason.TOKEN_REVOKED)


def test_the_state_remembers_which_token_lives_and_why_a_family_ended() -> None:
    alive = given(STARTED, REFRESHED).state
    assert alive == Alive(SESSION, ANNA, SECOND, "2026-03-16T12:00:00.000000Z")
    ended = given(STARTED, REFRESHED, *KILLED, *KILLED).state
    assert isinstance(ended, Ended)
    assert ended.cause == "reuse"


def test_a_session_starts_first_and_once() -> None:
    with pytest.raises(AssertionError):
        given(SessionEnded(cause="logout"))
    with pytest.raises(AssertionError):
        given(STARTED, STARTED)
