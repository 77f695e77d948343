"""Faults in the order in which a command must tell them: of any two, the first one."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import msgspec

from ledger.errors import Reason
from ledger.events.recorded import Actor
from tests.builders import Line


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong: with the command's fields, with who asks, or with what happened before."""

    reason: Reason
    fields: dict[str, Any] = {}
    by: Actor | None = None
    lines: Sequence[Line] = ()
    if_match: tuple[int, ...] | None = None

    def __add__(self, other: "Fault") -> "Fault":
        """Have both; where they meet, the first one counts."""
        return Fault(
            self.reason,
            other.fields | self.fields,
            self.by or other.by,
            [*self.lines, *other.lines],
            self.if_match or other.if_match,
        )


def alone_and_in_pairs(faults: Sequence[Fault]) -> list[Fault]:
    """Return each fault, and each with every later one."""
    return [*faults, *(first + second for first, second in combinations(faults, 2))]
