"""Connections: one live one per triple, consents that come and go, syncs asked for once."""

import pytest

from ledger.commands.bank import UpdateBank
from ledger.commands.connection import (
    ChangeSyncFrequency,
    CompleteSync,
    DenyConnection,
    ExpireConnection,
    FailSync,
    RefreshTokens,
    ReopenConnection,
    RevokeConnection,
    StartSync,
)
from ledger.errors import Reason
from ledger.events.account import AccountUnlinked
from ledger.events.connection import (
    ConnectionAuthorised,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRequested,
    ConnectionRevoked,
    ConnectionTokensRefreshed,
    SyncCompleted,
    SyncFailed,
    SyncFrequencyChanged,
    SyncRequested,
    SyncStarted,
)
from ledger.events.recorded import Actor
from ledger.times import later_by
from tests.builders import (
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_BORIS,
    AS_SUE,
    BORIS,
    NOON,
    PEOPLE,
    identity,
    seal,
)
from tests.ledger.banking import (
    BANK,
    CONNECTED,
    CONNECTION,
    JOB,
    LISTED,
    MIRROR,
    MIRRORED,
    ask_sync,
    consent,
    mirror,
    request,
    tokens,
)
from tests.specs import given

OTHER = identity("other connection")
REVOKE = RevokeConnection(connection_id=CONNECTION)
FINISH = CompleteSync(
    connection_id=CONNECTION, job_key=JOB, accounts=1, imported=0, matched=0, duration_ms=5
)


def test_one_asks_for_oneself_alone() -> None:
    story = given(PEOPLE).done(*LISTED)
    for stranger in (AS_BORIS, AS_SUE, AS_ADA, AS_AUDREY):
        story.when(request(), by=stranger).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    story.when(request(), by=AS_ANNA).then_recorded(ConnectionRequested)


@pytest.mark.parametrize("gone", [{"status": "INACTIVE"}, {"provider": None}])
def test_a_bank_must_be_there_to_be_connected(gone: dict[str, str | None]) -> None:
    story = given(PEOPLE).done(*LISTED)
    story.when(request(bank_branch_id=BANK)).then_refused(Reason.BRANCH_NOT_FOUND)
    story.done(UpdateBank(bank_id=BANK, changes=gone))
    story.when(request()).then_refused(Reason.CONNECTION_INACTIVE)


def test_a_triple_that_was_consented_to_is_taken_until_it_is_revoked() -> None:
    story = given(PEOPLE).done(*CONNECTED)
    story.when(request(OTHER)).then_refused(Reason.CONNECTION_ALREADY_EXISTS)
    story.done(ExpireConnection(connection_id=CONNECTION, refused=True))
    story.when(request(OTHER)).then_refused(Reason.CONNECTION_ALREADY_EXISTS)
    for other in (request(OTHER, BORIS), request(OTHER, username=seal("anna2"))):
        given(PEOPLE).done(*CONNECTED).when(other).then_recorded(ConnectionRequested)
    story.done(REVOKE).when(request(OTHER)).then_recorded(ConnectionRequested)


def test_one_that_nobody_consented_to_gives_way() -> None:
    story = given(PEOPLE).done(*LISTED, request())
    story.when(request(OTHER)).then_recorded(ConnectionExpired, ConnectionRequested)
    story.done(consent(OTHER))
    story.when(consent()).then_refused(Reason.CONNECTION_ALREADY_EXISTS)


def test_a_consent_comes_with_its_first_sync_and_without_a_token_in_the_log() -> None:
    story = given(PEOPLE).done(*LISTED, request())
    told = story.when(consent()).then_recorded(ConnectionAuthorised, SyncRequested)
    assert "sealed" not in str(told.lines)
    assert story.books.private["bank_tokens", CONNECTION]["access"] == b"sealed first"


def test_a_consent_lapses_after_ten_minutes_or_at_its_own_time() -> None:
    expire = ExpireConnection(connection_id=CONNECTION)
    story = given(PEOPLE).done(*LISTED, request())
    story.at(later_by(NOON, 599)).when(expire).then_nothing()
    story.at(later_by(NOON, 600)).when(expire).then_recorded(ConnectionExpired)
    story.when(expire).then_nothing()
    story.when(consent(until=later_by(NOON, 700))).then_recorded(
        ConnectionAuthorised, SyncRequested
    )
    story.at(later_by(NOON, 700)).when(ask_sync()).then_refused(Reason.CONSENT_EXPIRED)
    story.when(expire).then_recorded(ConnectionExpired)
    story.when(ask_sync()).then_refused(Reason.CONSENT_EXPIRED)
    refresh = RefreshTokens(connection_id=CONNECTION, tokens=tokens("second"))
    story.when(refresh).then_refused(Reason.CONSENT_EXPIRED)


def test_who_says_no_ends_the_wait_and_nothing_else() -> None:
    deny = DenyConnection(connection_id=CONNECTION)
    story = given(PEOPLE).done(*LISTED, request())
    story.when(deny).then_recorded(ConnectionRevoked)
    story.when(deny).then_nothing()
    story.when(request(OTHER)).then_recorded(ConnectionRequested)
    given(PEOPLE).done(*CONNECTED).when(deny).then_nothing()


def test_tokens_are_replaced() -> None:
    story = given(PEOPLE).done(*CONNECTED)
    refresh = RefreshTokens(connection_id=CONNECTION, tokens=tokens("second"))
    story.when(refresh).then_recorded(ConnectionTokensRefreshed)
    assert story.books.private["bank_tokens", CONNECTION]["access"] == b"sealed second"


def test_a_sync_that_is_under_way_or_was_asked_for_just_now_will_do() -> None:
    story = given(PEOPLE).done(*CONNECTED)
    story.when(ask_sync()).then_nothing()
    story.done(FINISH).when(ask_sync(), by=AS_ANNA).then_recorded(SyncRequested)
    story.when(ask_sync("third"), by=AS_ANNA).then_nothing()
    second = CompleteSync(
        connection_id=CONNECTION, job_key=identity("another sync"), accounts=1, imported=0,
        matched=0, duration_ms=5,
    )  # fmt: skip
    story.done(second)
    story.at(later_by(NOON, 299)).when(ask_sync("third"), by=AS_SUE).then_nothing()
    story.when(ask_sync("due", by="schedule")).then_recorded(SyncRequested)
    story.at(later_by(NOON, 3_899)).when(ask_sync("forgotten")).then_recorded(SyncRequested)


@pytest.mark.parametrize("stranger", [AS_BORIS, AS_AUDREY])
def test_strangers_leave_a_connection_alone(stranger: Actor) -> None:
    story = given(PEOPLE).done(*CONNECTED)
    frequency = ChangeSyncFrequency(connection_id=CONNECTION, seconds=600)
    for command in (ask_sync(), frequency, REVOKE, ReopenConnection(connection_id=CONNECTION)):
        story.when(command, by=stranger).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    story.when(frequency, by=AS_SUE).then_recorded(SyncFrequencyChanged)
    story.when(frequency, by=AS_SUE).then_nothing()
    story.when(ReopenConnection(connection_id=CONNECTION), by=AS_SUE).then_refused(
        Reason.INSUFFICIENT_PERMISSIONS
    )
    story.when(ReopenConnection(connection_id=CONNECTION), by=AS_ANNA).then_nothing()


def test_syncs_that_come_to_nothing_put_it_into_error_and_one_that_works_brings_it_back() -> None:
    story = given(PEOPLE).done(*CONNECTED)
    story.when(StartSync(connection_id=CONNECTION, job_key=JOB)).then_recorded(SyncStarted)
    failure = FailSync(connection_id=CONNECTION, job_key=JOB, reason="bank_api_error", attempt=4)
    story.when(failure).then_recorded(SyncFailed, ConnectionFailed)
    story.when(failure).then_nothing()
    assert story.books.state(f"connection-{CONNECTION}").status == "ERROR"
    story.done(ask_sync(by="schedule"))
    done = CompleteSync(
        connection_id=CONNECTION, job_key=identity("another sync"), accounts=1, imported=0,
        matched=0, duration_ms=5,
    )  # fmt: skip
    story.when(done).then_recorded(SyncCompleted)
    state = story.books.state(f"connection-{CONNECTION}")
    assert (state.status, state.next_sync_at) == ("ACTIVE", later_by(NOON, 3_600))


def test_a_sync_that_failed_and_is_asked_for_again_by_staff_brings_it_back() -> None:
    story = given(PEOPLE).done(*CONNECTED)
    start = StartSync(connection_id=CONNECTION, job_key=JOB)
    story.done(start, FailSync(connection_id=CONNECTION, job_key=JOB, reason="timeout", attempt=4))
    story.when(start).then_recorded(SyncStarted)
    story.when(start).then_nothing()
    story.when(FINISH).then_recorded(SyncCompleted)
    story.when(FINISH).then_nothing()
    story.when(start).then_nothing()
    assert story.books.state(f"connection-{CONNECTION}").status == "ACTIVE"


def test_revoked_is_over_and_its_accounts_mirror_nothing() -> None:
    story = given(PEOPLE).done(*MIRRORED)
    story.when(REVOKE, by=AS_ANNA).then_recorded(AccountUnlinked, ConnectionRevoked)
    story.when(REVOKE, by=AS_ANNA).then_nothing()
    account = story.books.state(f"account-{MIRROR}")
    assert (account.bank_connection_id, account.balance) == (None, 100_00)
    story.when(ask_sync()).then_refused(Reason.CONNECTION_INACTIVE)
    story.when(mirror()).then_refused(Reason.CONNECTION_INACTIVE)
    story.when(consent()).then_refused(Reason.INVALID_OAUTH_STATE)
    story.when(ReopenConnection(connection_id=CONNECTION), by=AS_ANNA).then_refused(
        Reason.CONNECTION_INACTIVE
    )


def test_nothing_is_known_of_a_connection_that_nobody_asked_for() -> None:
    story = given(PEOPLE)
    for command in (REVOKE, ask_sync(), consent(), ReopenConnection(connection_id=CONNECTION)):
        story.when(command).then_refused(Reason.CONNECTION_NOT_FOUND)
