"""Complaints: what one look has found, how bad that is, and what repairs it."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

Severity: TypeAlias = Literal["ok", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("ok", "warning", "error")


class Complaint(msgspec.Struct, frozen=True):
    """What is the matter with `subject`, or that nothing is; `repair` is a command to run."""

    check: str
    status: Severity
    subject: str
    detail: str
    repair: str | None = None


def worst_of(found: Iterable[Severity]) -> Severity:
    """Return the worst of what was found; nothing at all is well."""
    return max(found, key=SEVERITIES.index, default="ok")
