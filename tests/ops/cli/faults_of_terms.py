"""Faults against terms: limits, duplicates, quotes, the time of holds, the end of accounts."""

from ledger.events.account import DailyUsageChanged
from ledger.events.payment import PaymentProcessingStarted
from ledger.events.transfer import TransferBooked
from ledger.identity import new_id, numbered_id
from ledger.times import utc_text
from tests.ops.cli.faults import Fault, captured
from tests.ops.cli.stored import (
    AccountClosed,
    AccountCreditLimitChanged,
    AccountLimitsChanged,
    FxQuoteUsed,
    HoldExpired,
    PaymentEdited,
    quote,
    quoted,
)
from tests.ops.cli.town import MONEY, Town
from tests.projections.history import BEGIN, Step

DAY = "2025-03-01"
NOW = utc_text(BEGIN)


def account(account_id: str) -> str:
    return f"account-{account_id}"


def spent(account_id: str, amount: int, cause: str, day: str = DAY) -> Step:
    return account(account_id), DailyUsageChanged(day=day, delta=amount, cause=cause)


def limited(town: Town, amount: int) -> list[Step]:
    """Let an amount leave her account and count."""
    posting_id = new_id()
    steps = town.moved((town.hers, -amount), (town.his, amount), posting_id=posting_id)
    return [*steps, spent(town.hers, amount, posting_id)]


def over_the_limit_of_its_type(town: Town) -> tuple[str, int]:
    credit = town.history.account(town.anna, 2 * MONEY)
    town.happened(*town.moved((credit, -MONEY), (town.hers, MONEY)))
    town.happened(*limited(town, MONEY - 101))
    return "I-9", town.happened(*limited(town, 2), at=4)


def over_its_own_limit(town: Town) -> tuple[str, int]:
    limits = AccountLimitsChanged(daily_limit=150, single_limit=None)
    town.happened((account(town.hers), limits))
    return "I-9", town.happened(*limited(town, 51), at=4)


def over_the_limit_after_its_own_was_taken_away(town: Town) -> tuple[str, int]:
    for limit in (10**9, None):
        town.happened((account(town.hers), AccountLimitsChanged(daily_limit=limit)))
    return over_the_limit_of_its_type(town)


def counted_less_than_it_moved(town: Town) -> tuple[str, int]:
    *steps, _ = limited(town, 100)
    posting_id = steps[0][0].partition("-")[2]
    return "I-9", town.happened(*steps, spent(town.hers, 99, posting_id), at=4)


def counted_on_another_day(town: Town) -> tuple[str, int]:
    *steps, _ = limited(town, 100)
    posting_id = steps[0][0].partition("-")[2]
    return "I-9", town.happened(*steps, spent(town.hers, 100, posting_id, "2025-03-02"), at=4)


def the_same_payment_twice(town: Town) -> tuple[str, int]:
    town.started("Rent")
    town.started("Rent ")
    return "I-10", town.history.position - 1


def the_same_payment_just_after_it_was_completed(town: Town) -> tuple[str, int]:
    town.complete(town.started("Rent"), town.hers)
    town.started("Rent")
    return "I-10", town.history.position - 1


def the_same_payment_by_another_text(town: Town) -> tuple[str, int]:
    town.started("Rent")
    payment_id = town.history.payment(town.hers, text="Food")
    edited = PaymentEdited(description=town.history.seal(town.anna, "Rent"))
    town.happened((f"payment-{payment_id}", edited))
    town.history.start(payment_id, town.hers)
    return "I-10", town.history.position - 1


def exchanged(town: Town, quote_id: str, amount: int = 100) -> list[Step]:
    """Exchange dollars of hers for euros of his, by a quote that says 1.00 for 0.90."""
    transfer_id, posting_id = new_id(), new_id()
    text = town.history.seal(town.anna, "Exchange")
    booked = TransferBooked(
        source_account_id=town.hers,
        destination_account_id=town.foreign,
        amount=amount,
        currency="USD",
        destination_amount=90,
        destination_currency="EUR",
        rate="0.9",
        fx_quote_id=quote_id,
        description=text,
        posting_id=posting_id,
        initiated_by=town.anna,
    )
    dollars = town.moved((town.hers, -amount), ("fx:USD", amount), posting_id=posting_id, kind="FX")
    euros = town.moved(("fx:EUR", -90), (town.foreign, 90), posting_id=numbered_id(posting_id, 9),
                       currency="EUR", kind="FX")  # fmt: skip
    used = f"quote-{quote_id}", FxQuoteUsed(transfer_id=transfer_id)
    return [(f"transfer-{transfer_id}", booked), *dollars, *euros, used]


def quote_used_twice(town: Town) -> tuple[str, int]:
    quote_id, stream = quoted()
    town.happened((stream, quote()))
    town.happened(*exchanged(town, quote_id))
    return "I-11", town.happened(*exchanged(town, quote_id))


def quote_used_too_late(town: Town) -> tuple[str, int]:
    quote_id, stream = quoted()
    town.happened((stream, quote(expires_at=NOW)))
    return "I-11", town.happened(*exchanged(town, quote_id))


def quote_that_nobody_issued(town: Town) -> tuple[str, int]:
    return "I-11", town.happened(*exchanged(town, new_id()))


def quote_for_another_amount(town: Town) -> tuple[str, int]:
    quote_id, stream = quoted()
    town.happened((stream, quote()))
    return "I-11", town.happened(*exchanged(town, quote_id, 101))


def quote_taken_but_not_used_up(town: Town) -> tuple[str, int]:
    quote_id, stream = quoted()
    town.happened((stream, quote()))
    steps = exchanged(town, quote_id)[:-1]
    return "I-11", town.happened(*steps, at=len(steps))


def quote_used_by_nobody(town: Town) -> tuple[str, int]:
    _, stream = quoted()
    town.happened((stream, quote()))
    return "I-11", town.happened((stream, FxQuoteUsed(transfer_id=new_id())))


def closed_with_money(town: Town) -> tuple[str, int]:
    return "I-12", town.happened((account(town.hers), AccountClosed()))


def closed_with_a_hold(town: Town) -> tuple[str, int]:
    empty = town.history.account(town.anna, 0, credit_limit=500)
    town.history.hold(empty, 100)
    return "I-12", town.happened((account(empty), AccountClosed()))


def moved_after_its_end(town: Town) -> tuple[str, int]:
    empty = town.history.account(town.anna, 0)
    town.happened((account(empty), AccountClosed()))
    return "I-12", town.happened(*town.moved((town.hers, -1), (empty, 1)), at=3)


def promised_after_its_end(town: Town) -> tuple[str, int]:
    empty = town.history.account(town.anna, 0, credit_limit=500)
    town.happened((account(empty), AccountClosed()))
    town.history.hold(empty, 100)
    return "I-12", town.history.position


def overdrawn_by_less_credit(town: Town) -> tuple[str, int]:
    credit = town.history.account(town.anna, 0, credit_limit=500)
    town.happened(*town.moved((credit, -500), (town.his, 500)))
    return "I-5", town.happened((account(credit), AccountCreditLimitChanged(to=499)))


def hold_captured_after_its_time(town: Town) -> tuple[str, int]:
    hold_id = town.history.hold(town.hers, 700, expires_at=NOW)
    return "I-6", town.happened((account(town.hers), captured(hold_id, 700)))


def hold_expired_before_its_time(town: Town) -> tuple[str, int]:
    hold_id = town.history.hold(town.hers, 700, expires_at="2999-01-01T00:00:00.000000Z")
    return "I-6", town.happened((account(town.hers), HoldExpired(hold_id=hold_id, amount=700)))


def payment_started_by_nobody_and_posted_after_its_end(town: Town) -> tuple[str, int]:
    payment_id = town.history.payment(town.hers)
    town.history.cancel(payment_id)
    started = PaymentProcessingStarted(hold_id=None, trigger="caller")
    town.happened((f"payment-{payment_id}", started))
    steps = town.moved((town.hers, -100), (town.his, 100), payment_id=payment_id)
    return "I-7", town.happened(*steps)


FAULTS_OF_TERMS: tuple[Fault, ...] = (
    over_the_limit_of_its_type,
    over_its_own_limit,
    over_the_limit_after_its_own_was_taken_away,
    counted_less_than_it_moved,
    counted_on_another_day,
    the_same_payment_twice,
    the_same_payment_just_after_it_was_completed,
    the_same_payment_by_another_text,
    quote_used_twice,
    quote_used_too_late,
    quote_that_nobody_issued,
    quote_for_another_amount,
    quote_taken_but_not_used_up,
    quote_used_by_nobody,
    closed_with_money,
    closed_with_a_hold,
    moved_after_its_end,
    promised_after_its_end,
    overdrawn_by_less_credit,
    hold_captured_after_its_time,
    hold_expired_before_its_time,
    payment_started_by_nobody_and_posted_after_its_end,
)
