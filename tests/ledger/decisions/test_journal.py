"""The audit log of a day: what it takes down, and where it keeps silent."""

import msgspec
import pytest

from ledger.commands.audit import RecordSecurityEvent
from ledger.events.audit import ACTIONS, STARRED, LoginFailed, Silence, TokenRejected, action_of
from ledger.times import later_by
from tests.builders import BEFORE_MIDNIGHT, MIDNIGHT, NOON
from tests.specs import given

REJECTED = TokenRejected(outcome="denied", details={"reason": "token_expired"})
ONCE = RecordSecurityEvent(event=REJECTED, quiet_about="somebody", quiet_seconds=60)
TODAYS = "audit-20260314"
SAID = msgspec.structs.replace(REJECTED, silence=Silence("somebody", later_by(NOON, 60)))


def test_a_day_has_a_stream_of_its_own() -> None:
    for now, stream in ((NOON, TODAYS), (BEFORE_MIDNIGHT, TODAYS), (MIDNIGHT, "audit-20260315")):
        failed = LoginFailed(outcome="failure")
        given().at(now).when(RecordSecurityEvent(event=failed)).then((stream, failed))


def test_the_same_is_said_once_while_silence_lasts() -> None:
    story = given()
    story.when(ONCE).then((TODAYS, SAID))
    story.at(later_by(NOON, 59)).when(ONCE).then_nothing()
    story.at(later_by(NOON, 60)).when(ONCE).then_recorded(TokenRejected)


def test_silence_is_about_one_thing_only() -> None:
    story = given()
    story.when(ONCE).then((TODAYS, SAID))
    other = msgspec.structs.replace(ONCE, quiet_about="somebody else")
    story.when(other).then_recorded(TokenRejected)
    story.when(other).then_nothing()
    story.when(ONCE).then_nothing()


def test_silences_that_are_over_are_forgotten() -> None:
    story = given()
    for minute in range(5):
        story.at(later_by(NOON, 60 * minute)).when(ONCE).then_recorded(TokenRejected)
    assert len(story.books.state(TODAYS).silences) == 1


def test_what_is_told_without_a_key_is_always_told() -> None:
    story = given()
    for _ in range(2):
        story.when(RecordSecurityEvent(event=REJECTED)).then((TODAYS, REJECTED))


@pytest.mark.parametrize("kind", STARRED, ids=action_of)
def test_what_can_be_switched_off_is_a_denial(kind: type[TokenRejected]) -> None:
    assert action_of(kind) in ACTIONS


def test_an_action_has_one_name() -> None:
    assert len(set(ACTIONS)) == len(ACTIONS) == 21
    assert "RefreshTokenReuseDetected" in ACTIONS
