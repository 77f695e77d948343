"""Invariants of ledger.md §12, checked on books by replaying their log."""

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import groupby
from typing import Any

from ledger.aggregates.account_states import Open
from ledger.aggregates.payment import Completed
from ledger.append.memory import unheard_of
from ledger.entries import balanced
from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.posting import PostingBooked
from ledger.times import later, utc_day
from tests.ledger.books import Books, Fact, folded


def hold(books: Books) -> None:
    """Check everything."""
    accounts_are_sound(books)
    money_is_conserved(books)
    balances_are_chained(books)
    payments_are_booked_once(books)
    limits_were_kept(books)
    duplicates_never_met(books)
    the_log_is_the_whole_truth(books)


def accounts_are_sound(books: Books) -> None:
    for account in states(books, Open):
        assert account.available >= 0, "I-5"
        assert account.held == sum(hold.remaining for hold in account.holds.values()), "I-6"
        assert all(hold.remaining > 0 for hold in account.holds.values())
        ends = [hold.placed.expires_at for hold in account.holds.values()]
        assert min((end for end in ends if end), default=None) == account.lapses_at
        limit = books.rules.daily(account.account_type, account.currency)
        assert 0 <= account.spent_on(utc_day(books.now)) <= limit, "I-9"


def money_is_conserved(books: Books) -> None:
    sums: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for posting in facts(books, PostingBooked):
        assert balanced(posting.entries), "I-1, I-2"
        for entry in posting.entries:
            sums[entry.currency] += entry.amount
            if entry.account_id:
                totals[entry.account_id] += entry.amount
    assert not any(sums.values()), "I-3"
    for stream, loaded in books.memory.entries.items():
        if stream.startswith("account-"):
            assert loaded.state.balance == totals[stream.removeprefix("account-")], "I-4"


def balances_are_chained(books: Books) -> None:
    balances: Counter[str] = Counter()
    entries: set[str] = set()
    for fact in books.log:
        match fact.event:
            case AccountCredited(amount=amount) | AccountDebited(amount=amount):
                moved = amount if isinstance(fact.event, AccountCredited) else -amount
                balances[fact.stream] += moved
                assert balances[fact.stream] == fact.event.balance_after, "I-4"
                assert fact.event.entry_id not in entries
                entries.add(fact.event.entry_id)
            case _:
                pass


def payments_are_booked_once(books: Books) -> None:
    booked = Counter(posting.payment_id for posting in facts(books, PostingBooked))
    for stream, loaded in books.memory.entries.items():
        if stream.startswith("payment-"):
            completed = isinstance(loaded.state, Completed)
            assert booked[stream.removeprefix("payment-")] == int(completed), "I-7"


def limits_were_kept(books: Books) -> None:
    """Count what left by holds, and by transfers to others, without looking at the counter."""
    out: dict[tuple[str, str], int] = defaultdict(int)
    placed: dict[str, tuple[str, str]] = {}
    rest: dict[str, int] = {}
    for fact in books.log:
        day, event = utc_day(fact.at), fact.event
        if isinstance(event, HoldPlaced):
            placed[event.hold_id], rest[event.hold_id] = (fact.stream, day), event.amount
            out[fact.stream, day] += event.amount
        elif isinstance(event, HoldReleased | HoldExpired):
            assert event.amount == rest.pop(event.hold_id), "I-6"
            out[placed[event.hold_id]] -= event.amount
        elif isinstance(event, HoldCaptured):
            rest[event.hold_id] -= event.amount
            if event.final:
                out[placed[event.hold_id]] -= rest.pop(event.hold_id)
        elif isinstance(event, AccountDebited) and limited(books, event.posting_id):
            out[fact.stream, day] += event.amount
        if isinstance(event, HoldPlaced | AccountDebited):
            account = books.state(fact.stream)
            limit = books.rules.daily(account.account_type, account.currency)
            assert out[fact.stream, day] <= limit, "I-9"


def limited(books: Books, posting_id: str) -> bool:
    """Say whether a debit was a transfer to somebody else."""
    posting = books.state(f"posting-{posting_id}").posting
    if posting.transfer_id is None:
        return False
    return len({books.state(f"account-{e.account_id}").user_id for e in posting.entries}) > 1


def duplicates_never_met(books: Books) -> None:
    """Replay which payments are on their way or just booked; of each kind there is one (I-10)."""
    window = timedelta(seconds=books.rules.duplicate_window_seconds)
    busy: dict[Any, str | None] = {}
    for command in commands(books):
        stream, at = command[-1].stream, command[-1].at
        if not stream.startswith("payment-"):
            continue
        terms = books.state(stream).terms
        kind = (terms.user_id, terms.amount, terms.currency, terms.description, terms.direction)
        match [type(fact.event).__name__ for fact in command if fact.stream == stream]:
            case ["PaymentProcessingStarted"]:
                until = busy.get(kind, "")
                assert until is not None, "I-10"
                assert until <= at, "I-10"
                busy[kind] = None
            case ["PaymentCompleted"]:
                busy[kind] = later(at, window)
            case ["PaymentFailed"]:
                del busy[kind]
            case _:
                pass


def commands(books: Books) -> list[list[Fact]]:
    grouped = groupby(books.log, key=lambda fact: fact.command)
    return [list(command) for _, command in grouped]


def the_log_is_the_whole_truth(books: Books) -> None:
    again: dict[str, Any] = {}
    for fact in books.log:
        known = again.get(fact.stream, unheard_of(fact.stream))
        assert fact.version == known.version + 1, "I-13"
        again[fact.stream] = folded(known, fact.event, fact.at)
    claims = {k: v for k, v in books.memory.entries.items() if k.startswith("claim:")}
    assert again | claims == books.memory.entries


def states(books: Books, kind: type[Any]) -> list[Any]:
    every = (getattr(entry, "state", None) for entry in books.memory.entries.values())
    return [state for state in every if isinstance(state, kind)]


def facts(books: Books, kind: type[Any]) -> list[Any]:
    return [fact.event for fact in books.log if isinstance(fact.event, kind)]
