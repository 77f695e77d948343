"""Audit of holds: what was promised is captured, given back or still there (I-6)."""

import msgspec

from ops.audits.findings import Findings
from ops.audits.shapes import HoldCaptured, HoldExpired, HoldPlaced, HoldReleased


class Promise(msgspec.Struct, frozen=True, gc=False):
    """What remains of a hold, and when it stops counting by itself."""

    remaining: int
    expires_at: str | None

    def counts(self, at: str) -> bool:
        """Say whether it still counts at a moment."""
        return self.expires_at is None or self.expires_at > at


Promises = dict[str, Promise]
NOTHING = Promise(0, None)


def held(promises: Promises, at: str) -> int:
    """Return what is promised at a moment."""
    return sum(each.remaining for each in promises.values() if each.counts(at))


def place(promises: Promises, event: HoldPlaced, findings: Findings) -> None:
    """Take note of a hold, which is placed once."""
    if event.hold_id in promises:
        findings.find("I-6", f"hold {event.hold_id} is placed twice")
    promises[event.hold_id] = Promise(event.amount, event.expires_at)


def capture(promises: Promises, event: HoldCaptured, findings: Findings) -> None:
    """Take no more than remains, and not after its time."""
    promise = promises.pop(event.hold_id, NOTHING)
    if event.amount > promise.remaining:
        says = f"hold {event.hold_id} gives {event.amount}, but {promise.remaining} remains of it"
        findings.find("I-6", says)
    if not promise.counts(findings.at):
        findings.find("I-6", f"hold {event.hold_id} is captured after its time was over")
    rest = promise.remaining - event.amount
    if rest > 0 and not event.final:
        promises[event.hold_id] = Promise(rest, promise.expires_at)


def release(promises: Promises, event: HoldReleased | HoldExpired, findings: Findings) -> None:
    """Give back all that remains at once; it expires only when its time is over."""
    promise = promises.pop(event.hold_id, NOTHING)
    if event.amount != promise.remaining:
        says = f"hold {event.hold_id} gives back {event.amount}, but {promise.remaining} remains"
        findings.find("I-6", says)
    if isinstance(event, HoldExpired) and promise.counts(findings.at):
        findings.find("I-6", f"hold {event.hold_id} expires before its time is over")
