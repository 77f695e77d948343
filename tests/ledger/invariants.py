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
    AccountClosed,
    AccountCredited,
    AccountDebited,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.posting import PostingBooked, PostingReversed
from ledger.events.quote import FxQuoteUsed
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
    reversals_negate(books)
    quotes_were_used_once(books)
    what_is_closed_rests(books)
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
        elif isinstance(event, HoldReleased | HoldExpired | HoldCaptured):
            out[placed[event.hold_id]] -= returned(event, rest)
        elif isinstance(event, AccountDebited) and limited(books, event.posting_id):
            out[fact.stream, day] += event.amount
        elif isinstance(event, PostingReversed):
            give_back(books, fact, out)
        if isinstance(event, HoldPlaced | AccountDebited):
            account = books.state(fact.stream)
            limit = books.rules.daily(account.account_type, account.currency)
            assert out[fact.stream, day] <= limit, "I-9"


def returned(event: HoldReleased | HoldExpired | HoldCaptured, rest: dict[str, int]) -> int:
    """Return how much of a hold is given back; `rest` is what was left of each."""
    if not isinstance(event, HoldCaptured):
        assert event.amount == rest[event.hold_id], "I-6"
        return rest.pop(event.hold_id)
    rest[event.hold_id] -= event.amount
    return rest.pop(event.hold_id) if event.final else 0


def give_back(books: Books, fact: Fact, out: dict[tuple[str, str], int]) -> None:
    """Forget a transfer that was reversed on its own day."""
    undone = books.state(fact.stream)
    day = utc_day(undone.booked_at)
    if limited(books, undone.posting.posting_id) and day == utc_day(fact.at):
        source = next(entry for entry in undone.posting.entries if entry.amount < 0)
        out[f"account-{source.account_id}", day] += source.amount


def limited(books: Books, posting_id: str) -> bool:
    """Say whether a debit was a transfer to somebody else."""
    posting = books.state(f"posting-{posting_id}").posting
    if posting.transfer_id is None:
        return False
    sides = [entry.account_id for entry in posting.entries if entry.account_id]
    return len({books.state(f"account-{each}").user_id for each in sides}) > 1


def reversals_negate(books: Books) -> None:
    undone: set[str] = set()
    for posting in facts(books, PostingBooked):
        if posting.reverses_posting_id is None:
            continue
        assert posting.reverses_posting_id not in undone, "I-8"
        undone.add(posting.reverses_posting_id)
        original = books.state(f"posting-{posting.reverses_posting_id}")
        assert original.reversal_posting_id == posting.posting_id
        negated = [(e.account_id, e.account_code, -e.amount) for e in original.posting.entries]
        assert negated == [(e.account_id, e.account_code, e.amount) for e in posting.entries], "I-8"


def quotes_were_used_once(books: Books) -> None:
    streams: set[str] = set()
    for fact in books.log:
        if not isinstance(fact.event, FxQuoteUsed):
            continue
        assert fact.stream not in streams, "I-11"
        streams.add(fact.stream)
        quote = books.state(fact.stream).quote
        assert fact.at < quote.expires_at, "I-11"
        transfer = books.state(f"transfer-{fact.event.transfer_id}").transfer
        locked = (quote.source_amount, quote.destination_amount)
        assert (transfer.amount, transfer.destination_amount) == locked


def what_is_closed_rests(books: Books) -> None:
    closed: set[str] = set()
    for fact in books.log:
        moved = isinstance(fact.event, AccountCredited | AccountDebited | HoldPlaced)
        assert not (moved and fact.stream in closed), "I-12"
        if isinstance(fact.event, AccountClosed):
            closed.add(fact.stream)
    for account in (books.state(stream) for stream in closed):
        assert account.balance == 0, "I-12"
        ends = [each.placed.expires_at for each in account.holds.values()]
        assert all(end is not None and end <= books.now for end in ends), "I-12"


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
