"""What the audit log is told of commands: in their own append, of whom, and from where."""

from typing import Any

import msgspec
import pytest

from ledger.append.attempt import house_of
from ledger.commands.asked import Asked, Outcome
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Command, Origin
from ledger.commands.user import InvalidateSessions
from ledger.errors import Reason
from ledger.events.audit import AccessDenied, SecurityEvent
from ledger.events.recorded import ANONYMOUS, OPERATOR, SYSTEM, Actor, Metadata
from ledger.events.session import SessionRefreshed
from ledger.events.user import UserSuspended
from tests.builders import (
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_ROBOT,
    AS_SUE,
    FIRST,
    HERS,
    HIS,
    NOON,
    PAYMENT,
    SECOND,
    SESSION,
    SUE,
    THIRD,
    Line,
    account,
    cancel,
    created,
    identity,
    log_out,
    machine,
    opening,
    refresh,
    rehearsal,
    session_started,
    sign_in,
    transfer,
)
from tests.ledger.append.desk import Desk, keyed, opened, play, submission, told

HOME = Origin("203.0.113.7", "Browser/1.0")
NEW = identity("new account")
SUES = identity("sues")
USED = (f"session-{SESSION}", SessionRefreshed(old_jti=FIRST, new_jti=SECOND, expires_at=NOON))


async def ask(
    desk: Desk,
    command: Command,
    by: Actor,
    asked: Asked | None = None,
    origin: Origin | None = HOME,
) -> Outcome | Reason:
    sent = submission(command, by, asked)
    context = msgspec.structs.replace(sent.context, origin=origin)
    return await told(desk.appender.queue.submit(msgspec.structs.replace(sent, context=context)))


def told_of(desk: Desk) -> list[dict[str, Any]]:
    """Return what the audit log says, without what it leaves out."""
    said = []
    for recorded in desk.database.log:
        event: Any = recorded.event
        if isinstance(event, SecurityEvent):
            assert recorded.originator_id == "audit-20260314"
            facts = msgspec.json.decode(msgspec.json.encode(event))
            kept = {name: fact for name, fact in facts.items() if fact not in (None, {})}
            said.append({"type": event.stored_as} | kept)
    return said


def of_user(user_id: str) -> dict[str, str]:
    return {"subject_type": "user", "subject_id": user_id}


def ended(cause: str) -> dict[str, Any]:
    return {
        "type": "AllSessionsEnded",
        "outcome": "success",
        "details": {"cause": cause},
    } | of_user(ANNA)


def done(command: str, fields: list[str], kind: str, subject_id: str) -> dict[str, Any]:
    return {
        "type": "AdminActionPerformed",
        "outcome": "success",
        "subject_type": kind,
        "subject_id": subject_id,
        "details": {"command": command, "fields": fields},
    }


IN_SESSION = {"session_id": SESSION}
OPENED = ["account_name", "account_type", "currency", "last_four"]
TELLING: list[tuple[str, list[Line], Command, Actor, list[dict[str, Any]]]] = [
    ("a login", [], sign_in(), AS_ANNA,
     [{"type": "LoginSucceeded", "outcome": "success", "details": IN_SESSION} | of_user(ANNA)]),
    ("a logout", [session_started()], log_out(), AS_ANNA,
     [{"type": "LoggedOut", "outcome": "success", "details": IN_SESSION} | of_user(ANNA)]),
    ("a refresh", [session_started()], refresh(), AS_ANNA, []),
    ("a token that came back", [session_started(), USED], refresh(FIRST, THIRD), AS_ANNA,
     [{"type": "RefreshTokenReuseAudited", "outcome": "denied", "details": IN_SESSION}
      | of_user(ANNA)]),
    ("ending one's own sessions", [], InvalidateSessions(user_id=ANNA, cause="logout_all"), AS_ANNA,
     [ended("logout_all")]),
    ("ending another's sessions", [], InvalidateSessions(user_id=ANNA, cause="admin"), AS_ADA,
     [ended("admin"), done("InvalidateSessions", ["cause"], "user", ANNA)]),
    ("a customer's transfer", [], transfer(), AS_ANNA, []),
    ("an admin's transfer for a customer", [], transfer(), AS_ADA,
     [done("MakeTransfer", ["amount", "description"], "transfer", transfer().transfer_id)]),
    ("a transfer of staff to a customer", account(SUES, SUE, balance=5_000),
     transfer(source_account_id=SUES), AS_SUE, []),
    ("an account opened for a customer", [], opening(NEW, ANNA), AS_SUE,
     [done("OpenAccount", OPENED, "account", NEW)]),
    ("an account opened for oneself", [], opening(NEW, SUE), AS_SUE, []),
    ("an account opened by the system", [], opening(NEW, ANNA), SYSTEM, []),
    ("an account opened on the command line", [], opening(NEW, ANNA), OPERATOR,
     [done("OpenAccount", OPENED, "account", NEW)]),
    ("a customer's payment called off", [created()], cancel(), AS_SUE,
     [done("CancelPayment", [], "payment", PAYMENT)]),
    ("one's own payment called off", [created(user_id=SUE)], cancel(), AS_SUE, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("history", "command", "by", "said"),
    [row[1:] for row in TELLING],
    ids=[row[0] for row in TELLING],
)
def test_what_a_command_means_is_told_in_its_own_append(
    history: list[Line], command: Command, by: Actor, said: list[dict[str, Any]]
) -> None:
    async def story() -> None:
        async with opened(*history) as [desk]:
            before = len(desk.database.batches)
            await ask(desk, command, by)
            assert told_of(desk) == said
            assert len(desk.database.batches) == before + 1

    play(story)


@pytest.mark.parametrize("asked", [None, keyed()], ids=["once", "under a key"])
def test_what_staff_is_refused_is_told_with_the_reason(asked: Asked | None) -> None:
    async def story() -> None:
        async with opened((f"user-{ANNA}", UserSuspended())) as [desk]:
            assert await ask(desk, opening(NEW, ANNA), AS_SUE, asked) is Reason.USER_NOT_FOUND
            await ask(desk, opening(NEW, ANNA), AS_SUE, asked)
            told_once = {
                "type": "AdminActionPerformed",
                "outcome": "failure",
                "subject_type": "account",
                "subject_id": NEW,
                "details": {"command": "OpenAccount", "fields": OPENED, "reason": "user_not_found"},
            }
            assert told_of(desk) == [told_once] * (2 if asked is None else 1)

    play(story)


@pytest.mark.parametrize(
    ("command", "by"),
    [
        (transfer("5000.00"), AS_ANNA),
        (transfer("5000.00", source_account_id=SUES), AS_SUE),
        (opening(NEW, ANNA, credit_limit=5), AS_SUE),
        (rehearsal("9999.00"), AS_ADA),
    ],
    ids=["by a customer", "about one's own", "for lack of rights", "in a rehearsal"],
)
def test_other_refusals_leave_no_trace(command: Command, by: Actor) -> None:
    async def story() -> None:
        async with opened(*account(SUES, SUE)) as [desk]:
            before = len(desk.database.log)
            rehearsed = Asked(rehearsed=isinstance(command, type(rehearsal())))
            await ask(desk, command, by, rehearsed)
            assert len(desk.database.log) == before

    play(story)


def metadata_of(desk: Desk) -> Metadata:
    return desk.database.log[-1].envelope.metadata


def test_where_it_came_from_is_sealed_for_the_one_who_asked() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await ask(desk, sign_in(), AS_ANNA)
            for recorded in desk.database.log[-2:]:
                told_of = recorded.envelope.metadata
                assert told_of.ip is not None
                assert told_of.user_agent is not None
                assert (told_of.ip.enc, told_of.ip.kid) == ("<203.0.113.7>", f"key of {ANNA}")
                assert told_of.user_agent.enc == "<Browser/1.0>"

    play(story)


def test_where_strangers_come_from_is_sealed_for_the_house_of_the_month() -> None:
    denied = RecordSecurityEvent(event=AccessDenied(outcome="denied"))

    async def story() -> None:
        async with opened(*machine()) as [desk]:
            for by in (ANONYMOUS, AS_ROBOT.recorded):
                await ask(desk, denied, by, origin=Origin("198.51.100.1"))
                metadata = metadata_of(desk)
                assert metadata.actor == by
                assert metadata.ip is not None
                assert metadata.ip.kid == f"key of {house_of(NOON)}" == "key of house-2026-03"
                assert metadata.user_agent is None

    play(story)


def test_nothing_is_kept_of_where_an_erased_person_came_from() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            desk.vault.lost.add(f"key of {ANNA}")
            denied = RecordSecurityEvent(event=AccessDenied(outcome="denied"))
            await ask(desk, denied, AS_ANNA)
            assert metadata_of(desk).ip is None

    play(story)


def test_ordinary_commands_keep_nothing_of_where_they_came_from() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await ask(desk, transfer(), AS_ANNA)
            assert metadata_of(desk).ip is None
            await ask(desk, opening(NEW, ANNA), AS_SUE, origin=None)
            assert metadata_of(desk).ip is None

    play(story)


def test_several_processes_write_one_journal() -> None:
    async def story() -> None:
        async with opened(desks=2) as desks:
            for number in range(6):
                command = RecordSecurityEvent(
                    event=AccessDenied(outcome="denied"), quiet_about=f"who {number // 2}"
                )
                await ask(desks[number % 2], command, ANONYMOUS)
            assert len(told_of(desks[0])) == 3
            assert len(desks[0].database.streams["audit-20260314"]) == 3

    play(story)


def test_what_is_told_moves_the_balance_of_nobody() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await ask(desk, transfer(), AS_ADA)
            await ask(desk, transfer(), AS_ADA)
            assert desk.database.state(f"account-{HERS}").balance == 99_000
            assert desk.database.state(f"account-{HIS}").balance == 1_000
            assert len(told_of(desk)) == 1

    play(story)
