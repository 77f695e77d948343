"""The pulse of a house: how many commands in a row it answers, and how fast (I14)."""

import time
from collections.abc import Sequence

import httpx2
import msgspec

from ledger.identity import new_id
from ledger.money import decimal_text
from ops.faults.record import Moved, Record
from ops.faults.workload import CREATED, CURRENCY

BEATS, AMOUNT = 40, 1
SLOWER_MOST, QUICK_MS = 2, 1_000
"""A healed house is at most so many times slower; what is quick anyway is quick enough."""


class Pulse(msgspec.Struct, frozen=True):
    """How many of the commands were answered well at once, and the time of the slowest."""

    asked: int
    answered: int
    slowest_ms: int


NO_PULSE = Pulse(0, 0, 0)


def pulse(urls: Sequence[str], bearer: str, accounts: Sequence[str], record: Record) -> Pulse:
    """Move money one command after the other, at every server in turn."""
    source, destination, *_ = accounts
    body = {
        "source_account_id": source,
        "destination_account_id": destination,
        "amount": decimal_text(AMOUNT, CURRENCY),
        "description": "pulse",
    }
    answered, slowest = 0, 0
    with httpx2.Client(timeout=30) as client:
        for beat in range(BEATS):
            headers = {"authorization": bearer, "idempotency-key": new_id()}
            url, began = f"{urls[beat % len(urls)]}/api/transfers", time.monotonic_ns()
            answer = client.post(url, json=body, headers=headers)
            slowest = max(slowest, (time.monotonic_ns() - began) // 1_000_000)
            if answer.status_code == CREATED:
                answered += 1
                record.beats.append(Moved("pulse", source, destination, AMOUNT))
    return Pulse(BEATS, answered, slowest)


def faint(before: Pulse, after: Pulse) -> list[str]:
    """Tell when a house does not answer everything, or much slower than before."""
    found = []
    if after.answered < after.asked:
        found.append(f"I14 {after.asked - after.answered} of {after.asked} commands failed")
    if after.slowest_ms > max(QUICK_MS, SLOWER_MOST * before.slowest_ms):
        found.append(f"I14 the slowest took {after.slowest_ms} ms, before {before.slowest_ms} ms")
    return found
