"""What tests may be given: amounts, currencies, and scripts of commands that meet each other."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from ledger.commands.account import (
    ActivateAccount,
    CloseAccount,
    DeactivateAccount,
    FreezeAccount,
    UnfreezeAccount,
)
from ledger.commands.command import Command
from ledger.commands.hold import (
    CaptureClientHold,
    ExpireHolds,
    PlaceClientHold,
    ReleaseClientHold,
)
from ledger.commands.payment import (
    CancelPayment,
    CompletePayment,
    CreatePayment,
    EditPayment,
    FailPayment,
    ProcessPayment,
    RecordSubmission,
)
from ledger.commands.posting import ReversePosting
from ledger.commands.quote import IssueQuote
from ledger.commands.transfer import MakeTransfer, MakeTransfers
from ledger.commands.user import InvalidateSessions
from ledger.events.recorded import SYSTEM, Actor
from ledger.money import MINOR_MAX, decimal_text
from tests.builders import ADA, ANNA, BORIS, human, identity, opening, registration, seal

currencies = st.sampled_from(["JPY", "USD", "BHD", "CLF"])
minors = st.integers(-MINOR_MAX, MINOR_MAX)

OWNERS = {"a-usd": ANNA, "a-jpy": ANNA, "a-credit": ANNA, "b-usd": BORIS, "b-jpy": BORIS}
ACCOUNTS = {name: identity(name) for name in OWNERS}
PAYMENTS = [identity(f"payment {n}") for n in range(6)]
HOLDS = [identity(f"hold {n}") for n in range(4)]
TRANSFERS = [identity(f"transfer {n}") for n in range(6)]
QUOTES = [identity(f"quote {n}") for n in range(3)]
PAIRS = [("USD", "JPY"), ("JPY", "USD")]
MINUTES_MAX = 120


class Step(msgspec.Struct, frozen=True):
    """Somebody's command, so many minutes after the beginning."""

    minute: int
    command: Command
    by: Actor


accounts = st.sampled_from(list(ACCOUNTS.values()))
actors = st.sampled_from([human(ADA, "admin")] * 3 + [SYSTEM, human(ANNA), human(BORIS)])
amounts = st.integers(1, 60_000).map(lambda minor: decimal_text(minor, "USD")) | st.integers(
    1, 600
).map(str)
texts = st.sampled_from(["Rent", "Food"]).map(seal)
minutes = st.integers(0, MINUTES_MAX)


@st.composite
def transfers(draw: st.DrawFn) -> MakeTransfer:
    """Ask for one of a few transfers, so that the same one is asked for again."""
    transfer_id = draw(st.sampled_from(TRANSFERS))
    return MakeTransfer(
        transfer_id=transfer_id,
        posting_id=identity(f"posting of {transfer_id}"),
        source_account_id=draw(accounts),
        destination_account_id=draw(accounts),
        amount=draw(amounts),
        currency=None,
        description=draw(texts),
    )


@st.composite
def quotings(draw: st.DrawFn) -> IssueQuote:
    """Ask for one of a few quotes, some of which nobody can afford."""
    source, destination = draw(st.sampled_from(PAIRS))
    return IssueQuote(
        quote_id=draw(st.sampled_from(QUOTES)),
        source_currency=source,
        destination_currency=destination,
        source_amount=draw(st.sampled_from([100, 250, 10_000])),
        destination_amount=None,
        rate=draw(st.sampled_from(["150.5", "0.0066445183"])),
        rate_source="tests",
        rate_as_of=BEGINNING,
        lasts_seconds=draw(st.sampled_from([30, 3_600])),
    )


@st.composite
def exchanges(draw: st.DrawFn) -> MakeTransfer:
    """Use a quote, perhaps one that is not there, not open or does not fit."""
    amount = draw(st.sampled_from(["1.00", "2.50", "100", "250"]))
    return msgspec.structs.replace(
        draw(transfers()), amount=amount, fx_quote_id=draw(st.sampled_from(QUOTES))
    )


def undoing(posting_id: str) -> ReversePosting:
    """Ask for the reversal of a posting, always by the same one."""
    return ReversePosting(
        posting_id=posting_id,
        reversal_posting_id=identity(f"reversal of {posting_id}"),
        reason="Booked by mistake",
    )


@st.composite
def bulks(draw: st.DrawFn) -> MakeTransfers:
    """Ask for a few transfers at once."""
    several = draw(st.lists(transfers() | exchanges(), min_size=1, max_size=3))
    return MakeTransfers(
        bulk_id=identity("bulk"), transfers=tuple(several), atomic=draw(st.booleans())
    )


@st.composite
def wishes(draw: st.DrawFn, payment_id: str) -> CreatePayment:
    """Ask for a payment in either direction, perhaps to another account."""
    direction = draw(st.sampled_from(["DEBIT", "DEBIT", "CREDIT"]))
    within = direction == "DEBIT" and draw(st.booleans())
    terms: dict[str, Any] = {"destination_account_id": draw(accounts)} if within else {}
    return CreatePayment(
        payment_id=payment_id,
        user_bank_account_id=draw(accounts),
        amount=draw(amounts),
        currency=None,
        direction=direction,
        payment_type="TRANSFER" if within else "PAYMENT",
        description=draw(texts),
        **terms,
    )


def what_may_follow(payment_id: str) -> dict[str, st.SearchStrategy[Command]]:
    """Ask anything of a payment that is there, or is not."""
    triggers = st.sampled_from(["caller", "caller", "auto", "webhook"])
    references = st.sampled_from([None, "rail-7"])
    takes = st.integers(1, 2).map(lambda take: identity(f"booking {take} of {payment_id}"))
    declined = FailPayment(
        payment_id=payment_id, reason="payment_declined", category="business_rule", attempts=1
    )
    this = st.just(payment_id)
    return {
        "start": st.builds(ProcessPayment, payment_id=this, trigger=triggers),
        "submit": st.builds(
            RecordSubmission, payment_id=this, rail_reference=references, attempt=st.integers(1, 3)
        ),
        "book": st.builds(CompletePayment, payment_id=this, posting_id=takes),
        "fail": st.just(declined),
        "cancel": st.just(CancelPayment(payment_id=payment_id)),
        "edit": st.builds(EditPayment, payment_id=this, description=texts),
        "undo": st.just(undoing(identity(f"booking 1 of {payment_id}"))),
    }


COURSES = [
    ("start", "book"),
    ("start", "book", "undo"),
    ("start", "submit", "book"),
    ("start", "fail"),
    ("start", "submit", "submit", "fail"),
    ("edit", "start", "book"),
    ("start",),
    ("cancel",),
    ("edit", "cancel"),
]


@st.composite
def lives(draw: st.DrawFn, payment_id: str) -> list[Step]:
    """Live through one payment: a wish, one of the usual courses, and something odd in between."""
    follow = what_may_follow(payment_id)
    course = list(draw(st.sampled_from(COURSES)))
    for odd in draw(st.lists(st.sampled_from(sorted(follow)), max_size=2)):
        course.insert(draw(st.integers(0, len(course))), odd)
    asked = [draw(wishes(payment_id)), *(draw(follow[name]) for name in course)]
    times = sorted(draw(st.lists(minutes, min_size=len(asked), max_size=len(asked))))
    return [Step(at, each, draw(actors)) for at, each in zip(times, asked, strict=True)]


@st.composite
def promises(draw: st.DrawFn, hold_id: str) -> list[Step]:
    """Live through one client's hold: placed for minutes, then captured, released, or let go."""
    minute = draw(minutes)
    placed = PlaceClientHold(
        hold_id=hold_id,
        account_id=draw(accounts),
        amount=draw(amounts),
        currency=None,
        description=draw(texts),
        expires_in_seconds=draw(st.integers(1, 60)) * 60,
    )
    steps = [Step(minute, placed, draw(actors))]
    for number in range(draw(st.integers(0, 3))):
        minute = min(MINUTES_MAX, minute + draw(st.integers(0, 40)))
        captured = CaptureClientHold(
            hold_id=hold_id,
            posting_id=identity(f"capture {number} of {hold_id}"),
            amount=draw(st.none() | amounts),
            destination_account_id=draw(accounts),
            final=draw(st.booleans()),
        )
        released = ReleaseClientHold(hold_id=hold_id)
        swept = ExpireHolds(account_id=placed.account_id)
        steps.append(Step(minute, draw(st.sampled_from([captured, released, swept])), draw(actors)))
    return steps


@st.composite
def dealings(draw: st.DrawFn) -> list[Step]:
    """Make a transfer that may be undone, within a currency or by a quote that fits it."""
    transfer_id, quote_id = draw(st.sampled_from(TRANSFERS)), draw(st.sampled_from(QUOTES))
    source, destination = draw(st.sampled_from([("a-usd", "b-usd"), ("a-usd", "b-jpy")]))
    exchanged, by = destination == "b-jpy", human(ADA, "admin")
    made = MakeTransfer(
        transfer_id=transfer_id,
        posting_id=identity(f"posting of {transfer_id}"),
        source_account_id=ACCOUNTS[source],
        destination_account_id=ACCOUNTS[destination],
        amount="1.00",
        currency=None,
        description=draw(texts),
        fx_quote_id=quote_id if exchanged else None,
    )
    terms = {"quote_id": quote_id, "source_currency": "USD", "destination_currency": "JPY"}
    quote = msgspec.structs.replace(draw(quotings()), source_amount=100, rate="150.5", **terms)
    asked: list[Command] = [*([quote] if exchanged else []), made, undoing(made.posting_id)]
    kept = asked[: draw(st.integers(1, len(asked)))]
    at = draw(minutes)
    return [Step(at, each, by) for each in kept]


@st.composite
def turns(draw: st.DrawFn) -> Command:
    """Ask for another state of an account; only two of them can be empty enough to close."""
    kinds = (FreezeAccount, UnfreezeAccount, DeactivateAccount, ActivateAccount, CloseAccount)
    kind: type[Any] = draw(st.sampled_from((*kinds, CloseAccount)))
    account_id = draw(st.sampled_from([ACCOUNTS["a-credit"], ACCOUNTS["b-jpy"]]) | accounts)
    why = {"reason": "by phone"} if kind in {FreezeAccount, UnfreezeAccount} else {}
    command: Command = kind(account_id=account_id, **why)
    return command


others: st.SearchStrategy[Command] = st.one_of(
    turns(),
    transfers(),
    transfers(),
    bulks(),
    quotings(),
    exchanges(),
    st.sampled_from(TRANSFERS).map(lambda each: undoing(identity(f"posting of {each}"))),
    st.just(InvalidateSessions(user_id=ANNA, cause="logout_all", session_version=1)),
    st.just(opening(identity("late"), ANNA, opening_balance=100)),
)


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """Let a few payments live side by side, among transfers, over midnight."""
    steps = draw(st.lists(st.builds(Step, minutes, others, actors), max_size=10))
    for payment_id in draw(st.lists(st.sampled_from(PAYMENTS), unique=True, min_size=2)):
        steps += draw(lives(payment_id))
    for hold_id in draw(st.lists(st.sampled_from(HOLDS), unique=True)):
        steps += draw(promises(hold_id))
    for dealing in draw(st.lists(dealings(), max_size=3)):
        steps += dealing
    return sorted(steps, key=lambda step: step.minute)


BEGINNING = "2026-03-14T23:00:00.000000Z"
OPENINGS: list[Command] = [
    registration(ANNA, email_claim="anna"),
    registration(BORIS, email_claim="boris"),
    registration(ADA, role="admin", email_claim="ada"),
    opening(ACCOUNTS["a-usd"], ANNA, opening_balance=100_000),
    opening(ACCOUNTS["a-jpy"], ANNA, currency="JPY", opening_balance=1_000),
    opening(ACCOUNTS["a-credit"], ANNA, account_type="CREDIT", credit_limit=30_000),
    opening(ACCOUNTS["b-usd"], BORIS, account_type="SAVINGS", opening_balance=50_000),
    opening(ACCOUNTS["b-jpy"], BORIS, currency="JPY"),
]
"""How every script begins: three people, five accounts in two currencies."""
