"""Audit of payments: completed by their one posting, and no two alike at once (I-7, I-10)."""

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from ledger.events.event import Sealed
from ledger.policies.duplicates import duplicate_parts
from ledger.policies.limits import Rules
from ledger.times import later
from ops.audits.findings import Findings
from ops.audits.shapes import (
    Booked,
    Cancelled,
    Completed,
    Created,
    Edited,
    Failed,
    Started,
)

Reveal = Callable[[Sealed], str | None]
"""Reads personal text; None once its key is gone."""
Parts = tuple[str | int, ...]
OF_PAYMENTS = (Created, Edited, Started, Completed, Failed, Cancelled)


class Course(msgspec.Struct):
    """A payment that has not ended; afterwards it is forgotten, and cannot be posted any more."""

    wish: Created
    text: Sealed
    started: bool = False
    posting_id: str | None = None
    parts: Parts | None = None


class Payments:
    """Payments on their way. Without `rules` nobody knows how long payments may not be alike."""

    def __init__(self, findings: Findings, rules: Rules | None, reveal: Reveal) -> None:
        self.findings, self.rules, self.reveal = findings, rules, reveal
        self.courses: dict[str, Course] = {}
        self.alike: dict[Parts, str] = {}
        self.completed: deque[tuple[str, Parts, str]] = deque()
        self.starting: dict[str, Course] = {}
        self.posted: set[str] = set()

    def book(self, posting: Booked) -> None:
        """I-7: a payment has at most one posting of its own, after it was started."""
        payment_id = posting.payment_id
        if payment_id is None or posting.reverses_posting_id is not None:
            return
        course = self.courses.get(payment_id)
        if course is None or not course.started or course.posting_id is not None:
            says = f"payment {payment_id} is posted once too often, or too early"
            self.findings.find("I-7", says)
        else:
            course.posting_id = posting.posting_id
            self.posted.add(payment_id)

    def take(self, payment_id: str, event: Any) -> None:
        """Fold what happens to a payment."""
        if isinstance(event, Created):
            self.courses[payment_id] = Course(event, event.description)
            return
        course = self.courses.get(payment_id)
        if course is None:
            if isinstance(event, Completed):
                self.findings.find("I-7", f"payment {payment_id} is completed without being open")
            return
        match event:
            case Edited(description=text) if text is not None:
                course.text = text
            case Started():
                course.started = True
                self.starting[payment_id] = course
            case Completed() | Failed() | Cancelled():
                self.end(payment_id, course, event)
            case _:
                pass

    def end(self, payment_id: str, course: Course, event: Completed | Failed | Cancelled) -> None:
        """I-7: a payment is completed once, beside its posting; else it has none."""
        told = event.posting_id if isinstance(event, Completed) else None
        if course.posting_id != told:
            says = f"payment {payment_id} ends with posting {told}, not {course.posting_id}"
            self.findings.find("I-7", says)
        del self.courses[payment_id]
        self.starting.pop(payment_id, None)
        self.posted.discard(payment_id)
        if course.parts is None or self.alike.get(course.parts) != payment_id:
            return
        if isinstance(event, Completed) and self.rules is not None:
            window = timedelta(seconds=self.rules.duplicate_window_seconds)
            self.completed.append((later(self.findings.at, window), course.parts, payment_id))
        else:
            del self.alike[course.parts]

    def end_command(self) -> None:
        """I-7 and I-10 hold where a command ends."""
        for payment_id in sorted(self.posted):
            self.findings.find("I-7", f"payment {payment_id} is posted but not completed")
        self.posted.clear()
        if self.rules is not None and self.rules.detect_duplicates:
            for payment_id, course in self.starting.items():
                self.compare(payment_id, course)
        self.starting.clear()

    def compare(self, payment_id: str, course: Course) -> None:
        """I-10: nothing alike is on its way, or was completed a moment ago."""
        while self.completed and self.completed[0][0] <= self.findings.at:
            _, parts, gone = self.completed.popleft()
            if self.alike.get(parts) == gone:
                del self.alike[parts]
        text, wish = self.reveal(course.text), course.wish
        if text is None:
            return
        parts = duplicate_parts(wish.user_id, wish.amount, wish.currency, text, wish.direction)
        other = self.alike.get(parts)
        if other is not None:
            self.findings.find("I-10", f"payment {payment_id} is the same as {other}")
        self.alike[parts], course.parts = payment_id, parts
