"""Several processes on one log: nothing is decided on what has changed, and nothing is lost."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ledger.append import appender
from ledger.commands.asked import Outcome
from ledger.errors import Reason
from ledger.events.account import AccountCredited
from ledger.events.user import UserSessionsInvalidated, UserSuspended
from tests.builders import (
    ADA,
    ALSO_HERS,
    ANNA,
    AS_ADA,
    AS_ANNA,
    HERS,
    SESSION,
    created,
    identity,
    opening,
    process,
    registration,
    session_started,
    transfer,
)
from tests.ledger.append.desk import Desk, all_told, keyed, opened, play

SUSPENDED = (f"user-{ANNA}", UserSuspended())


def numbered(number: int | str, amount: str = "1.00", **fields: Any) -> Any:
    return transfer(
        amount,
        transfer_id=identity(f"transfer {number}"),
        posting_id=identity(f"posting {number}"),
        **fields,
    )


def foreign(desk: Desk, *lines: Any) -> Callable[[], None]:
    return lambda: desk.database.happened(*lines)


def test_what_another_process_recorded_meanwhile_is_seen_before_anything_counts() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            desk.store.before_commit.append(foreign(desk, SUSPENDED))
            assert await desk.ask(numbered(1)) is Reason.ACCOUNT_SUSPENDED
            assert desk.appender.conflicts == 1
            assert desk.database.names().count("TransferBooked") == 1

    play(story)


def test_a_token_that_died_meanwhile_is_refused() -> None:
    async def story() -> None:
        risen = UserSessionsInvalidated(session_version=2, cause="logout_all")
        async with opened(session_started()) as [desk]:
            session = (SESSION, 1)
            assert isinstance(await desk.submit(numbered(0), AS_ANNA, session=session), Outcome)
            desk.store.before_commit.append(foreign(desk, (f"user-{ANNA}", risen)))
            told = await all_told([desk.submit(numbered(1), AS_ANNA, session=session)])
            assert told == [Reason.TOKEN_REVOKED]

    play(story)


def test_money_that_another_process_took_cannot_be_taken_again() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            await all_told([here.submit(numbered("a")), there.submit(numbered("b"))])
            asked = [here.submit(numbered(1, "600.00")), there.submit(numbered(2, "600.00"))]
            told = await all_told(asked)
            assert sorted(type(each) is Outcome for each in told) == [False, True]
            assert Reason.INSUFFICIENT_FUNDS in told
            assert here.database.state(f"account-{HERS}").balance == 100_000 - 60_200

    play(story)


def test_of_two_registrations_under_one_address_one_succeeds() -> None:
    async def story() -> None:
        async with opened(desks=2) as desks:
            asked = [
                desk.submit(registration(identity(f"new {number}")))
                for number, desk in enumerate(desks)
            ]
            told = await all_told(asked)
            assert sorted(type(each) is Outcome for each in told) == [False, True]
            assert Reason.EMAIL_ALREADY_EXISTS in told

    play(story)


def test_of_two_processes_starting_one_payment_one_succeeds() -> None:
    async def story() -> None:
        async with opened(created(1_000), desks=2) as desks:
            asked = [desk.submit(process()) for desk in desks]
            told = await all_told(asked)
            assert sorted(type(each) is Outcome for each in told) == [False, True]
            assert Reason.ALREADY_PROCESSED in told
            assert desks[0].database.state(f"account-{HERS}").held == 1_000

    play(story)


def test_a_stream_that_is_there_after_all_is_looked_at_before_deciding_again() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            first = await here.ask(numbered(1))
            again = await there.ask(numbered(1))
            assert again.result.state == first.result.state
            assert here.database.names().count("TransferBooked") == 1
            known = await there.ask(opening(HERS, ANNA), AS_ADA)
            assert (
                known.result.version
                == here.database.read([f"account-{HERS}"]).entries[f"account-{HERS}"].version
            )

    play(story)


def test_a_command_that_needs_everything_finds_it_under_the_lock() -> None:
    """Caller, session, payment, account, owner, data key, claim and answer key: all are cold."""

    async def story() -> None:
        async with opened(created(1_000), session_started(ADA)) as [desk]:
            desk.appender.head = None
            asked = desk.submit(process(), AS_ADA, keyed(scope="user:ada"), session=(SESSION, 1))
            assert [type(each) for each in await all_told([asked])] == [Outcome]

    play(story)


def test_another_epoch_is_another_log() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            head = desk.database.head

            def restored() -> None:
                desk.database.head = msgspec.structs.replace(head, epoch="restored")

            desk.store.before_commit.append(restored)
            assert isinstance(await desk.ask(numbered(1)), Outcome)
            assert desk.database.head.epoch == "restored"

    play(story)


def test_a_gap_too_long_to_follow_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender, "FOLLOW_MAX", 2)

    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(0))
            more = [
                (
                    f"account-{ALSO_HERS}",
                    AccountCredited(
                        posting_id="p", entry_id=f"e{n}", amount=1, balance_after=n + 1
                    ),
                )
                for n in range(5)
            ]
            desk.store.before_commit.append(foreign(desk, *more))
            asked = numbered(1, "0.05", source_account_id=ALSO_HERS)
            assert isinstance(await desk.ask(asked), Outcome)
            assert desk.database.state(f"account-{ALSO_HERS}").balance == 0

    play(story)
