"""Moments of the log as flags of a verb: a time, or a position."""

import re
from datetime import datetime

import click
from typing_extensions import override

from ledger.times import utc_text

DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
"""A position; more digits than these are none of any log."""


class Time(click.ParamType[str]):
    """An RFC 3339 time with offset, as UTC text."""

    name = "time"

    @override
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            moment = datetime.fromisoformat(value.strip().upper())
            if moment.tzinfo is None:
                self.fail(f"{value!r} lacks its offset from UTC", param, ctx)
            return utc_text(moment)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time like 2025-03-31T23:59:59Z", param, ctx)


class Moment(click.ParamType[int | str]):
    """A position, or a time."""

    name = "position|time"

    @override
    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        return int(value) if DIGITS.fullmatch(value) else Time().convert(value, param, ctx)
