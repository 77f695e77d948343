"""Payments in a what-if: what each asks for, and which are the same as others."""

from collections import deque
from collections.abc import Callable
from datetime import timedelta

import msgspec

from ledger.events.event import Sealed
from ledger.events.payment import PaymentCreated, PaymentEdited
from ledger.policies.duplicates import duplicate_parts
from ledger.times import later
from ops.what_if.rules import Duplicates

Reveal = Callable[[Sealed], str | None]
Parts = tuple[str | int, ...]


class Wish(msgspec.Struct):
    """A payment that has not ended; `parts` is what it keeps others like it from being."""

    terms: PaymentCreated
    text: Sealed
    parts: Parts | None = None


class Payments:
    """Payments on their way, and what may not be the same. `unread`: texts whose key is gone."""

    def __init__(self, rule: Duplicates | None, reveal: Reveal) -> None:
        self.rule, self.reveal = rule, reveal
        self.wishes: dict[str, Wish] = {}
        self.alike: dict[Parts, str] = {}
        self.over: deque[tuple[str, Parts, str]] = deque()
        self.unread = 0

    def create(self, payment_id: str, event: PaymentCreated) -> None:
        """Take note of a wish."""
        self.wishes[payment_id] = Wish(event, event.description)

    def edit(self, payment_id: str, event: PaymentEdited) -> None:
        """Take note of other words."""
        wish = self.wishes.get(payment_id)
        if wish is not None and event.description is not None:
            wish.text = event.description

    def is_duplicate(self, payment_id: str, at: str) -> bool:
        """Say whether another one like it is on its way, or was completed a moment ago."""
        parts = self.parts_of(payment_id)
        if parts is None:
            return False
        while self.over and self.over[0][0] <= at:
            _, gone, holder = self.over.popleft()
            if self.alike.get(gone) == holder:
                del self.alike[gone]
        return self.alike.get(parts, payment_id) != payment_id

    def start(self, payment_id: str) -> None:
        """Keep others from being the same."""
        parts = self.parts_of(payment_id)
        if parts is not None:
            self.alike[parts], self.wishes[payment_id].parts = payment_id, parts

    def parts_of(self, payment_id: str) -> Parts | None:
        """Return what makes a payment a duplicate; None when nobody asks, or nobody can read it."""
        wish = self.wishes.get(payment_id)
        if self.rule is None or wish is None:
            return None
        text, terms = self.reveal(wish.text), wish.terms
        if text is None:
            self.unread += 1
            return None
        return duplicate_parts(terms.user_id, terms.amount, terms.currency, text, terms.direction)

    def end(self, payment_id: str, completed_at: str | None) -> None:
        """Forget a payment; a completed one keeps others away for the length of the window."""
        wish = self.wishes.pop(payment_id, None)
        if wish is None or wish.parts is None or self.alike.get(wish.parts) != payment_id:
            return
        if completed_at is None or self.rule is None:
            del self.alike[wish.parts]
            return
        window = timedelta(minutes=self.rule.window_minutes)
        self.over.append((later(completed_at, window), wish.parts, payment_id))
