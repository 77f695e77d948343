"""Decisions about the holds of clients: placed, captured in parts, released, over (§5.3)."""

from datetime import timedelta

import msgspec

from ledger.aggregates import account, account_holds
from ledger.aggregates.account_states import Hold, Open
from ledger.commands.account import PlaceHold, ReleaseHold
from ledger.commands.hold import ExpireHolds, PlaceClientHold, ReleaseClientHold
from ledger.decisions.accounts import open_state
from ledger.decisions.hold_places import HoldPlace, keep_place, place_of
from ledger.decisions.standing import daily_limit, refuse_standing, single_limit
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.events.account import HoldPlaced
from ledger.events.posting import PostingBooked
from ledger.money import parse_positive
from ledger.policies import access
from ledger.times import later


class PostingTold(msgspec.Struct, frozen=True):
    """A posting as it was just booked, and the position it has in the log."""

    posting: PostingBooked
    booked_at: str
    position: int


class HoldTold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold as a command leaves it, in minor units; with what its capture booked, if it did."""

    account_id: str
    user_id: str
    currency: str
    placed: HoldPlaced
    placed_at: str
    changed_at: str
    status: str
    captured: int
    remaining: int
    version: int
    posting: PostingTold | None = None


class Found(msgspec.Struct, frozen=True):
    """A client's hold with its account; `hold` is None once it has ended."""

    hold_id: str
    place: HoldPlace
    account: Open
    hold: Hold | None

    @property
    def status(self) -> str:
        """Return where the hold stands in the words of the wire."""
        gone = self.hold is None and self.place.status == "ACTIVE"
        return "EXPIRED" if gone else self.place.status

    @property
    def version(self) -> int:
        """Return how many events the hold has had; its end by time is one."""
        return self.place.version + (self.status == "EXPIRED")


def found_hold(view: View, hold_id: str) -> Found:
    """Return a client's hold, its account's lapsed ones recorded as such; or refuse."""
    place = place_of(view, hold_id)
    if place is None:
        raise unknown(view, hold_id)
    state = awake(view, place.account_id)
    return Found(hold_id, place, state, state.holds.get(hold_id))


def unknown(view: View, hold_id: str) -> Refused:
    """Return why an id is no client's hold: the holds of payments are their payments' own."""
    payment = view.state(f"payment-{hold_id}")
    if getattr(payment, "hold_id", None) == hold_id:
        return Refused(Reason.INSUFFICIENT_PERMISSIONS, purpose="PAYMENT")
    return Refused(Reason.HOLD_NOT_FOUND)


def awake(view: View, account_id: str) -> Open:
    """Record the end of the holds of an account that are over; return what is left."""
    stream = f"account-{account_id}"
    view.record(stream, *account_holds.lapsed(open_state(view, account_id), view.now))
    return open_state(view, account_id)


def place_client_hold(view: View, command: PlaceClientHold) -> str | Refused:
    """Promise funds of an account to whoever captures them later."""
    if place_of(view, command.hold_id) is not None:
        known = found_hold(view, command.hold_id)
        return ended(known) if known.hold is None else tell(view, known, known.hold)
    source, amount = addressed(view, command)
    refuse_standing(view, source, "DEBIT")
    placed_by = view.caller.id or view.caller.type
    wanted = PlaceHold(
        account_id=command.account_id,
        hold_id=command.hold_id,
        amount=amount,
        purpose="CLIENT",
        placed_by=placed_by,
        destination_account_id=command.destination_account_id,
        description=command.description,
        reference=command.reference,
        expires_at=later(view.now, timedelta(seconds=command.expires_in_seconds)),
        single_limit=single_limit(view, source),
        daily_limit=daily_limit(view, source),
        now=view.now,
    )
    view.record(f"account-{command.account_id}", *account.decide(source, wanted))
    keep_place(view, command.hold_id, HoldPlace(command.account_id, placed_by))
    found = found_hold(view, command.hold_id)
    assert found.hold is not None, "a hold that was just placed is there"
    return tell(view, found, found.hold)


def addressed(view: View, command: PlaceClientHold) -> tuple[Open, int]:
    """Return the account and the amount in its minor units; refuse in the order of §5.2."""
    source = open_state(view, command.account_id)
    destination_id = command.destination_account_id
    destination = None if destination_id is None else open_state(view, destination_id)
    access.may_place_hold(view.caller, source.user_id)
    if destination is not None:
        refuse_destination(source, destination, same=destination_id == command.account_id)
    if command.currency not in {None, source.currency}:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=source.currency)
    if source.bank_connection_id is not None:
        raise Refused(Reason.RAIL_UNAVAILABLE)
    smallest = view.rules.smallest(source.currency)
    return source, parse_positive(command.amount, source.currency, smallest)


def refuse_destination(source: Open, destination: Open, *, same: bool) -> None:
    """Refuse the same account twice, currencies that differ, money that lies outside."""
    if same:
        raise Refused(Reason.SAME_ACCOUNT_TRANSFER)
    if destination.currency != source.currency:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=source.currency)
    if destination.bank_connection_id is not None:
        raise Refused(Reason.RAIL_UNAVAILABLE)


def release_client_hold(view: View, command: ReleaseClientHold) -> str | Refused:
    """Give back what a hold still promises."""
    found = found_hold(view, command.hold_id)
    access.may_release_hold(view.caller, found.place.placed_by)
    view.match(found.version)
    if found.hold is None:
        return ended(found)
    place = found.place
    release = ReleaseHold(account_id=place.account_id, hold_id=command.hold_id, cause=command.cause)
    view.record(f"account-{place.account_id}", *account.decide(found.account, release))
    return left(view, found, found.hold, "RELEASED")


def expire_holds(view: View, command: ExpireHolds) -> str:
    """Record the end of the holds of an account whose time is over."""
    awake(view, command.account_id)
    return f"account-{command.account_id}"


def ended(found: Found) -> Refused:
    """Return why nothing can be done with a hold any more."""
    return Refused(Reason.HOLD_NOT_ACTIVE, status=found.status)


def left(
    view: View, found: Found, before: Hold, status: str, posting: PostingTold | None = None
) -> str:
    """Keep how a command leaves a hold, and tell it."""
    place = msgspec.structs.replace(found.place, status=status, version=found.place.version + 1)
    keep_place(view, found.hold_id, place)
    return tell(view, msgspec.structs.replace(found, place=place), before, posting)


def tell(view: View, found: Found, before: Hold, posting: PostingTold | None = None) -> str:
    """Let the hold as it is now answer the command; `before` is what it was."""
    state = open_state(view, found.place.account_id)
    now = state.holds.get(found.hold_id)
    taken = 0 if posting is None else posting.posting.entries[1].amount
    told = HoldTold(
        account_id=found.place.account_id,
        user_id=state.user_id,
        currency=state.currency,
        placed=before.placed,
        placed_at=before.placed_at,
        changed_at=view.now,
        status=found.place.status,
        captured=before.placed.amount - before.remaining + taken,
        remaining=0 if now is None else now.remaining,
        version=found.place.version,
        posting=posting,
    )
    return view.tell(f"hold-{found.hold_id}", told)
