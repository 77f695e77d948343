"""Periods: calendar months (UTC) that postings count in; `yyyy-mm` as text."""

from datetime import date, timedelta

LONGEST_MONTH = timedelta(days=31)
DAY = timedelta(days=1)


def stream_of(month: str) -> str:
    """Return the stream of a period."""
    return f"period-{month.replace('-', '')}"


def month_of(moment: str) -> str:
    """Return the period that a time lies in."""
    return moment[: len("yyyy-mm")]


def end_of(month: str) -> str:
    """Return the first moment after a period."""
    return f"{next_month(month).isoformat()}T00:00:00.000000Z"


def last_moment_of(month: str) -> str:
    """Return the last moment of a period."""
    return f"{(next_month(month) - DAY).isoformat()}T23:59:59.999999Z"


def next_month(month: str) -> date:
    """Return the first day after a period."""
    return (date.fromisoformat(f"{month}-01") + LONGEST_MONTH).replace(day=1)
