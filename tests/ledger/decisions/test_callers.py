"""Who asks is judged again inside the append (identity.md §5)."""

from ledger.errors import Reason
from ledger.events.session import SessionEnded
from ledger.events.user import UserSessionsInvalidated, UserSuspended
from tests.builders import (
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_BORIS,
    BORIS,
    HERS,
    SESSION,
    TOWN,
    human,
    identity,
    session_started,
    transfer,
)
from tests.specs import given

SIGNED_IN = [*TOWN, session_started()]
LIVING = (SESSION, 1)


def test_a_living_session_of_an_active_user_may_ask() -> None:
    assert given(SIGNED_IN).when(transfer(), by=AS_ANNA, session=LIVING).refused is None


def test_an_unknown_user_has_no_valid_token() -> None:
    nobody = human(identity("nobody"))
    told = given(SIGNED_IN).when(transfer(), by=nobody, session=LIVING)
    told.then_refused(Reason.INVALID_TOKEN)


def test_an_unknown_an_ended_and_a_foreign_session_are_dead() -> None:
    unknown = given(TOWN).when(transfer(), by=AS_ANNA, session=LIVING)
    unknown.then_refused(Reason.TOKEN_REVOKED)
    ended = given(SIGNED_IN, (f"session-{SESSION}", SessionEnded(cause="logout")))
    ended.when(transfer(), by=AS_ANNA, session=LIVING).then_refused(Reason.TOKEN_REVOKED)
    foreign = given(TOWN, session_started(BORIS))
    foreign.when(transfer(), by=AS_ANNA, session=LIVING).then_refused(Reason.TOKEN_REVOKED)


def test_a_suspended_user_and_a_stale_session_version_are_refused() -> None:
    suspended = given(SIGNED_IN, (f"user-{ANNA}", UserSuspended()))
    suspended.when(transfer(), by=AS_ANNA, session=LIVING).then_refused(Reason.TOKEN_REVOKED)
    risen = UserSessionsInvalidated(session_version=2, cause="logout_all")
    stale = given(SIGNED_IN, (f"user-{ANNA}", risen))
    stale.when(transfer(), by=AS_ANNA, session=LIVING).then_refused(Reason.TOKEN_REVOKED)
    assert stale.when(transfer(), by=AS_ANNA, session=(SESSION, 2)).refused is None


def test_the_role_of_this_moment_counts_and_not_the_tokens() -> None:
    claims_more = human(BORIS, "admin")
    story = given(TOWN, session_started(BORIS))
    story.when(transfer(), by=claims_more, session=LIVING).then_refused(Reason.UNAUTHORIZED_ACCESS)
    demoted_token = human(AS_ADA.id or "", "user")
    promoted = given(TOWN, session_started(AS_ADA.id or ""))
    told = promoted.when(transfer(), by=demoted_token, session=LIVING)
    assert told.refused is None
    assert told.view is not None
    assert told.view.caller == AS_ADA


def test_whoever_signs_in_otherwise_is_taken_as_told() -> None:
    told = given(TOWN).when(transfer(source_account_id=HERS), by=AS_BORIS)
    told.then_refused(Reason.UNAUTHORIZED_ACCESS)
