"""Complaints: what one look has found, how bad that is, and what repairs it."""

from typing import Literal, TypeAlias

import msgspec

Severity: TypeAlias = Literal["ok", "warning", "error"]


class Complaint(msgspec.Struct, frozen=True):
    """What is the matter with `subject`, or that nothing is; `repair` is a command to run."""

    check: str
    status: Severity
    subject: str
    detail: str
    repair: str | None = None
