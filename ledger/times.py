"""Times as text: RFC 3339, UTC, microseconds, suffix Z, so that text order is time order."""

from datetime import UTC, datetime, timedelta


def utc_text(moment: datetime) -> str:
    """Print an aware datetime the one way the product writes times."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def utc_day(text: str) -> str:
    """Return the UTC calendar day (`yyyy-mm-dd`) of a time."""
    return text[:10]


def later(text: str, by: timedelta) -> str:
    """Return the time that lies `by` after `text`."""
    return utc_text(datetime.fromisoformat(text) + by)


def later_by(text: str, seconds: int) -> str:
    """Return the time that lies `seconds` after `text`."""
    return later(text, timedelta(seconds=seconds))
