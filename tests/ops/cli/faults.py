"""Faults that may be planted in a log, each with the invariant that it breaks, and where."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    DailyUsageChanged,
    HoldCaptured,
    HoldExpired,
    HoldReleased,
)
from ledger.events.payment import PaymentCompleted
from ledger.identity import new_id
from tests.ops.cli.town import MONEY, Town

Fault: TypeAlias = Callable[[Town], tuple[str, int]]


def unbalanced_posting(town: Town) -> tuple[str, int]:
    return "I-1", town.happened(*town.moved((town.hers, -100), (town.his, 90)))


def posting_on_one_account(town: Town) -> tuple[str, int]:
    return "I-2", town.happened(*town.moved((town.hers, -100), (town.hers, 100)))


def wrong_currency(town: Town) -> tuple[str, int]:
    return "I-2", town.happened(*town.moved((town.hers, -100), (town.foreign, 100)))


def wrong_currency_of_the_house(town: Town) -> tuple[str, int]:
    entries = (town.hers, -100), ("clearing:LEDGERBANK:EUR", 100)
    return "I-2", town.happened(*town.moved(*entries))


def unopened_account(town: Town) -> tuple[str, int]:
    return "I-2", town.happened(*town.moved((town.hers, -100), (new_id(), 100)))


def entry_without_posting(town: Town) -> tuple[str, int]:
    _, entry, _ = town.moved((town.hers, -100), (town.his, 100))
    return "I-3", town.happened(entry)


def entry_of_another_amount(town: Town) -> tuple[str, int]:
    posting, (stream, out), into = town.moved((town.hers, -100), (town.his, 100))
    assert isinstance(out, AccountDebited)
    more = msgspec.structs.replace(out, amount=150, balance_after=out.balance_after - 50)
    return "I-3", town.happened(posting, (stream, more), into, at=2)


def entry_that_never_arrives(town: Town) -> tuple[str, int]:
    posting, out, _ = town.moved((town.hers, -100), (town.his, 100))
    return "I-3", town.happened(posting, out, at=2)


def wrong_balance_after(town: Town) -> tuple[str, int]:
    posting, out, (stream, into) = town.moved((town.hers, -100), (town.his, 100))
    assert isinstance(into, AccountCredited)
    richer = msgspec.structs.replace(into, balance_after=into.balance_after + 1)
    return "I-4", town.happened(posting, out, (stream, richer), at=3)


def overdrawn(town: Town) -> tuple[str, int]:
    steps = town.moved((town.hers, -MONEY - 1), (town.his, MONEY + 1))
    return "I-5", town.happened(*steps, at=3)


def overdrawn_by_a_hold(town: Town) -> tuple[str, int]:
    placed = town.history.placed(town.hers, new_id(), MONEY + 1)
    return "I-5", town.happened((f"account-{town.hers}", placed))


def hold_released_twice(town: Town) -> tuple[str, int]:
    hold_id = town.history.hold(town.hers, 700)
    released = HoldReleased(hold_id=hold_id, amount=700, cause="released")
    town.happened((f"account-{town.hers}", released))
    return "I-6", town.happened((f"account-{town.hers}", released))


def hold_released_in_part(town: Town) -> tuple[str, int]:
    hold_id = town.history.hold(town.hers, 700)
    released = HoldReleased(hold_id=hold_id, amount=699, cause="released")
    return "I-6", town.happened((f"account-{town.hers}", released))


def hold_expired_in_part(town: Town) -> tuple[str, int]:
    hold_id = town.history.hold(town.hers, 700)
    expired = HoldExpired(hold_id=hold_id, amount=699)
    return "I-6", town.happened((f"account-{town.hers}", expired))


def hold_captured_beyond(town: Town) -> tuple[str, int]:
    hold_id = town.history.hold(town.hers, 700)
    return "I-6", town.happened((f"account-{town.hers}", captured(hold_id, 701)))


def hold_placed_twice(town: Town) -> tuple[str, int]:
    hold_id = town.history.hold(town.hers, 700)
    return "I-6", town.happened(
        (f"account-{town.hers}", town.history.placed(town.hers, hold_id, 1))
    )


def payment_posted_twice(town: Town) -> tuple[str, int]:
    payment_id = town.started()
    town.complete(payment_id, town.hers)
    steps = town.moved((town.hers, -100), (town.his, 100), payment_id=payment_id)
    return "I-7", town.happened(*steps)


def payment_posted_before_it_started(town: Town) -> tuple[str, int]:
    payment_id = town.history.payment(town.hers)
    steps = town.moved((town.hers, -100), (town.his, 100), payment_id=payment_id)
    return "I-7", town.happened(*steps)


def payment_completed_without_posting(town: Town) -> tuple[str, int]:
    stream = f"payment-{town.started()}"
    return "I-7", town.happened((stream, completed(new_id())))


def payment_completed_by_the_posting_of_another(town: Town) -> tuple[str, int]:
    payment_id = town.started()
    steps = town.moved((town.hers, -100), (town.his, 100), payment_id=payment_id)
    return "I-7", town.happened(*steps, (f"payment-{payment_id}", completed(new_id())), at=4)


def payment_posted_without_end(town: Town) -> tuple[str, int]:
    payment_id = town.started()
    steps = town.moved((town.hers, -100), (town.his, 100), payment_id=payment_id)
    return "I-7", town.happened(*steps, at=3)


def wrong_reversal(town: Town) -> tuple[str, int]:
    undone = booked(town)
    steps = town.moved((town.his, -99), (town.hers, 99), reverses_posting_id=undone)
    return "I-8", town.happened(*steps)


def second_reversal(town: Town) -> tuple[str, int]:
    undone = booked(town)
    town.happened(*town.moved((town.his, -100), (town.hers, 100), reverses_posting_id=undone))
    steps = town.moved((town.his, -100), (town.hers, 100), reverses_posting_id=undone)
    return "I-8", town.happened(*steps)


def reversal_of_nothing(town: Town) -> tuple[str, int]:
    steps = town.moved((town.his, -100), (town.hers, 100), reverses_posting_id=new_id())
    return "I-8", town.happened(*steps)


def less_than_nothing_spent(town: Town) -> tuple[str, int]:
    return "I-9", town.happened((f"account-{town.hers}", used("2025-03-02", -1)))


def version_left_out(town: Town) -> tuple[str, int]:
    town.history.versions[f"account-{town.hers}"] += 1
    return "I-13", town.happened((f"account-{town.hers}", used("2025-03-02", 1)))


def booked(town: Town) -> str:
    """Return the posting of a transfer."""
    posting_id = new_id()
    town.happened(*town.moved((town.hers, -100), (town.his, 100), posting_id=posting_id))
    return posting_id


def captured(hold_id: str, amount: int, *, final: bool = False) -> HoldCaptured:
    return HoldCaptured(hold_id=hold_id, amount=amount, posting_id=new_id(), final=final)


def used(day: str, delta: int) -> DailyUsageChanged:
    return DailyUsageChanged(day=day, delta=delta, cause=new_id())


def completed(posting_id: str) -> PaymentCompleted:
    return PaymentCompleted(
        posting_id=posting_id, external_transaction_id=None, posted_at="2025-03-01T09:00:00.000000Z"
    )


FAULTS: tuple[Fault, ...] = (
    unbalanced_posting,
    posting_on_one_account,
    wrong_currency,
    wrong_currency_of_the_house,
    unopened_account,
    entry_without_posting,
    entry_of_another_amount,
    entry_that_never_arrives,
    wrong_balance_after,
    overdrawn,
    overdrawn_by_a_hold,
    hold_released_twice,
    hold_released_in_part,
    hold_expired_in_part,
    hold_captured_beyond,
    hold_placed_twice,
    payment_posted_twice,
    payment_posted_before_it_started,
    payment_completed_without_posting,
    payment_completed_by_the_posting_of_another,
    payment_posted_without_end,
    wrong_reversal,
    second_reversal,
    reversal_of_nothing,
    less_than_nothing_spent,
    version_left_out,
)
