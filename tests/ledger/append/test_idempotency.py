"""Idempotency keys: the first answer is the answer, whoever asks again, wherever (http.md §1.9)."""

from typing import Any

import msgspec
import pytest

from ledger.append import loading
from ledger.append.attempt import Submission
from ledger.append.ports import unpack
from ledger.commands.asked import Asked, Outcome
from ledger.commands.user import DeleteUser, UpdateUser
from ledger.errors import Reason, Refused
from ledger.events.recorded import ANONYMOUS, SYSTEM
from ledger.events.user import AdminJoined
from tests.builders import (
    ADA,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_BORIS,
    BORIS,
    HERS,
    HIS,
    identity,
    registration,
    seal,
    transfer,
)
from tests.ledger.append.desk import Desk, all_told, keyed, opened, play, submission
from tests.ledger.append.desk import told as outcome_of


def numbered(number: int, amount: str = "1.00", **fields: Any) -> Any:
    return transfer(
        amount,
        transfer_id=identity(f"transfer {number}"),
        posting_id=identity(f"posting {number}"),
        **fields,
    )


def test_the_same_key_is_answered_the_same_and_nothing_happens() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            first = await desk.ask(numbered(1), asked=keyed())
            again = await desk.ask(numbered(2), asked=keyed())
            assert (first.replayed, again.replayed) == (False, True)
            assert again.answer == first.answer
            assert again.position == first.position
            assert again.result is None
            assert desk.database.state(f"account-{HIS}").balance == 100

    play(story)


def test_the_same_key_for_another_request_is_refused() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            first = await desk.ask(numbered(1), asked=keyed())
            with pytest.raises(Refused) as refused:
                await desk.submit(numbered(2), asked=keyed(request=b"another"))
            assert refused.value.reason is Reason.IDEMPOTENCY_KEY_REUSED
            assert refused.value.details == {"position": first.position}

    play(story)


def test_the_same_key_of_another_caller_is_another_key() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(1), asked=keyed())
            back = numbered(2, source_account_id=HIS, destination_account_id=HERS)
            other = await desk.ask(back, AS_BORIS, asked=keyed(scope="user:boris"))
            assert not other.replayed

    play(story)


def test_a_key_that_is_being_worked_on_is_refused_until_it_is_done() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            first = desk.submit(numbered(1), asked=keyed())
            with pytest.raises(Refused) as refused:
                desk.submit(numbered(2), asked=keyed())
            assert refused.value.reason is Reason.IDEMPOTENCY_IN_PROGRESS
            await first
            assert (await desk.ask(numbered(3), asked=keyed())).replayed

    play(story)


def test_a_final_no_is_remembered_and_replayed() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            no = await desk.ask(numbered(1, "800.01"), asked=keyed())
            assert no is Reason.AMOUNT_EXCEEDS_LIMIT
            again = await desk.ask(numbered(2), asked=keyed())
            assert again.replayed
            assert (again.answer.status, again.answer.body) == (422, b"amount_exceeds_limit")

    play(story)


@pytest.mark.parametrize(
    ("fields", "actor", "reason"),
    [
        ({"amount": "1.001"}, AS_ANNA, Reason.INVALID_AMOUNT_FORMAT),
        ({}, AS_BORIS, Reason.UNAUTHORIZED_ACCESS),
    ],
)
def test_any_other_no_is_not_remembered(fields: Any, actor: Any, reason: Reason) -> None:
    async def story() -> None:
        async with opened() as [desk]:
            assert await desk.ask(numbered(1, **fields), actor, asked=keyed()) is reason
            assert desk.database.commands.keys().isdisjoint({("user:anna", "key-1")})
            corrected = await desk.ask(numbered(2), asked=keyed())
            assert isinstance(corrected, Outcome)
            assert not corrected.replayed

    play(story)


def test_a_no_that_is_not_remembered_does_not_hide_an_earlier_yes() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            first = await here.ask(numbered(1), asked=keyed())
            again = await there.ask(numbered(2, "1.001"), asked=keyed())
            assert again.answer == first.answer

    play(story)


def test_a_key_is_known_in_every_process_and_after_a_restart() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            await there.ask(numbered(0))
            first = await here.ask(numbered(1), asked=keyed())
            again = await there.ask(numbered(2), asked=keyed())
            assert again.replayed
            assert again.answer == first.answer
            reused = await there.ask(numbered(3), asked=keyed(request=b"another"))
            assert reused is Reason.IDEMPOTENCY_KEY_REUSED
            assert here.database.state(f"account-{HIS}").balance == 200

    play(story)


def test_of_two_processes_asked_at_once_one_decides_and_the_other_replays() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            await all_told([here.submit(numbered(8)), there.submit(numbered(9))])
            asked = [
                here.submit(numbered(1), asked=keyed()),
                there.submit(numbered(2), asked=keyed()),
            ]
            told = await all_told(asked)
            assert [type(each) for each in told] == [Outcome, Outcome]
            replayed = [each.replayed for each in told if isinstance(each, Outcome)]
            assert sorted(replayed) == [False, True]
            assert here.database.state(f"account-{HIS}").balance == 300

    play(story)


def test_of_two_processes_with_money_for_one_the_second_still_replays_the_first() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            await all_told([here.submit(numbered(8)), there.submit(numbered(9))])
            asked = [
                desk.submit(numbered(n, "700.00"), asked=keyed())
                for n, desk in enumerate((here, there))
            ]
            told = await all_told(asked)
            assert sorted(each.replayed for each in told if isinstance(each, Outcome)) == [
                False,
                True,
            ]
            assert here.database.state(f"account-{HIS}").balance == 70_200

    play(story)


def test_answers_are_kept_under_the_askers_key_and_lost_with_it() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(1), asked=keyed())
            kept = desk.database.commands["user:anna", "key-1"]
            assert kept.answer_key == f"key of {ANNA}"
            assert kept.answer is not None
            opener = desk.vault.of(ANNA)
            assert opener is not None
            assert unpack(opener.open_bytes(kept.answer, kept.command_id)).status == 201
            desk.vault.lost.add(f"key of {ANNA}")
            reused = await desk.ask(numbered(2), asked=keyed())
            assert reused is Reason.IDEMPOTENCY_KEY_REUSED

    play(story)


def test_an_answer_that_shows_a_person_is_lost_with_that_person() -> None:
    async def story() -> None:
        async with opened(("roster-admins", AdminJoined(user_id=ADA))) as [desk]:
            renamed = UpdateUser(user_id=BORIS, full_name=seal("B.", BORIS))
            await desk.ask(renamed, AS_ADA, asked=keyed(scope="user:ada"))
            kept = desk.database.commands["user:ada", "key-1"]
            assert kept.answer_key == f"key of {BORIS}"
            unknown = UpdateUser(user_id=identity("nobody"), role="support")
            refused = await desk.ask(unknown, AS_ADA, asked=keyed("key-2", scope="user:ada"))
            assert refused is Reason.USER_NOT_FOUND
            assert desk.database.commands["user:ada", "key-2"].answer_key == f"key of {ADA}"
            again = await desk.ask(renamed, AS_ADA, asked=keyed(scope="user:ada"))
            assert again.replayed
            gone = DeleteUser(user_id=BORIS, erasure_id=identity("erasure"))
            assert not isinstance(await desk.ask(gone, AS_ADA), Reason)
            assert desk.vault.lost == {f"key of {BORIS}"}
            lost = await desk.ask(renamed, AS_ADA, asked=keyed(scope="user:ada"))
            assert lost is Reason.IDEMPOTENCY_KEY_REUSED

    play(story)


def test_a_key_whose_answer_is_gone_is_told_as_used() -> None:
    async def story() -> None:
        async with opened(desks=2) as [here, there]:
            silent = Asked(idempotency=keyed().idempotency)
            first = await here.ask(numbered(1), asked=silent)
            assert first.answer is None
            reused = await there.ask(numbered(2), asked=keyed())
            assert reused is Reason.IDEMPOTENCY_KEY_REUSED

    play(story)


def test_a_caller_without_a_person_is_given_no_replay() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            asked = keyed(scope="system")
            first = await desk.ask(numbered(1), SYSTEM, asked=asked)
            assert first.answer is not None
            reused = await outcome_of(desk.submit(numbered(2), SYSTEM, asked=asked))
            assert reused is Reason.IDEMPOTENCY_KEY_REUSED

    play(story)


def test_the_events_of_a_keyed_command_know_a_hash_of_the_key() -> None:
    async def story() -> None:
        async with opened() as [desk]:
            await desk.ask(numbered(1), asked=keyed())
            hashed = desk.vault.digest("key", "user:anna", "key-1")
            metadata = desk.database.log[-1].envelope.metadata
            assert metadata.idempotency_key_hash == hashed
            await desk.ask(numbered(2))
            assert desk.database.log[-1].envelope.metadata.idempotency_key_hash is None

    play(story)


def test_the_oldest_answers_leave_memory_and_stay_in_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "EARLIER_MAX", 1)

    async def story() -> None:
        async with opened() as [desk]:
            first = await desk.ask(numbered(1), asked=keyed("key-1"))
            await desk.ask(numbered(2), asked=keyed("key-2"))
            assert len(desk.appender.loading.earlier) == 1
            again = await desk.ask(numbered(3), asked=keyed("key-1"))
            assert again.answer == first.answer
            assert desk.database.state(f"account-{HIS}").balance == 200

    play(story)


@pytest.mark.parametrize("keyed_by_key", [True, False])
def test_a_newcomers_key_is_written_with_what_is_sealed_under_it(*, keyed_by_key: bool) -> None:
    async def story() -> None:
        async with opened() as [desk]:
            asked = keyed(scope="address:1.2.3.4") if keyed_by_key else Asked()
            joined = await outcome_of(desk.appender.queue.submit(newcomer(desk, "new", asked)))
            assert isinstance(joined, Outcome)
            other = keyed("key-2", scope="address:1.2.3.4") if keyed_by_key else Asked()
            no = await outcome_of(desk.appender.queue.submit(newcomer(desk, "newer", other)))
            assert no is Reason.EMAIL_ALREADY_EXISTS
            keys = {key for table, key in desk.database.rows if table == "data_keys"}
            assert keys == {"key of new"} | ({"key of newer"} if keyed_by_key else set())

    play(story)


def newcomer(desk: Desk, name: str, asked: Asked) -> Submission:
    born = desk.vault.create(name, f"key of {name}")
    plain = submission(registration(name, data_key_id=born.key), ANONYMOUS, asked)
    return msgspec.structs.replace(plain, born=born, answer_subject=name)
