"""The feed: what a stream was not yet given is bounded, whoever reads (events_audit.md §3.1)."""

from api.feed import UNDELIVERED_MAX, Listener
from ledger.identity import new_id
from projections.notices import Notice, Wanted

OWNER, ACCOUNT = new_id(), new_id()
KIND = "AccountCredited"


def notice(position: int, user_id: str = OWNER) -> Notice:
    return Notice(
        position=position,
        kind=KIND,
        subject=ACCOUNT,
        user_id=user_id,
        recorded_at="2026-03-01T00:00:00.000000Z",
    )


def listener(begins_after: int = 0) -> Listener:
    return Listener(Wanted(owner=OWNER, kinds=frozenset({KIND})), begins_after)


def test_a_thousand_frames_wait_and_one_more_ends_the_stream() -> None:
    slow = listener()
    for position in range(1, UNDELIVERED_MAX + 1):
        slow.offer(notice(position))
    assert (len(slow.pending), slow.overrun) == (1_000, False)
    slow.offer(notice(UNDELIVERED_MAX + 1))
    assert slow.overrun
    slow.offer(notice(UNDELIVERED_MAX + 2))
    assert slow.take() == [], "what was missed is not made up for by what comes later"


def test_who_reads_in_time_may_hear_any_number() -> None:
    quick, heard = listener(), list[int]()
    for position in range(1, 3 * UNDELIVERED_MAX):
        quick.offer(notice(position))
        if position % UNDELIVERED_MAX == 0:
            heard += [each.position for each in quick.take()]
    heard += [each.position for each in quick.take()]
    assert (heard, quick.overrun) == (list(range(1, 3 * UNDELIVERED_MAX)), False)


def test_only_what_is_wanted_and_new_counts() -> None:
    late = listener(begins_after=5)
    for position in range(1, 2 * UNDELIVERED_MAX):
        late.offer(notice(position, new_id()))
    late.offer(notice(5))
    late.offer(notice(6))
    assert [each.position for each in late.take()] == [6]
