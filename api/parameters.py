"""The kinds of query parameters: text that stands for numbers, flags and places in the log."""

import re
from typing import Any
from urllib.parse import parse_qsl

from api.fields import Document, Kind
from api.kinds import timestamp
from ledger.errors import Reason, Refused

WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
FIRST_MOMENT, LAST_MOMENT = "T00:00:00.000000Z", "T23:59:59.999999Z"


def parse_query(query: bytes) -> dict[str, str]:
    """Return the parameters of a query string; one sent twice, or with a NUL in it, is refused."""
    if not query:
        return {}
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused(Reason.UNKNOWN_PARAMETER, parameter=twice, rule="each parameter once")
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise Refused(Reason.INVALID_FIELD_VALUE, rule="no NUL characters")
    return parameters


def flag() -> Kind:
    """Accept `true` or `false`."""

    def read(value: Any, _: Document) -> bool:
        if value not in {"true", "false"}:
            raise Refused(Reason.INVALID_FIELD_VALUE, allowed=["true", "false"])
        return bool(value == "true")

    return Kind(read=read, schema={"type": "boolean"}, reasons=(Reason.INVALID_FIELD_VALUE,))


def whole(lowest: int, highest: int, reason: Reason = Reason.INVALID_FIELD_VALUE) -> Kind:
    """Accept a whole number within bounds, in decimal digits."""

    def read(value: Any, _: Document) -> int:
        number = int(value) if WHOLE.fullmatch(value) else None
        if number is None or not lowest <= number <= highest:
            raise Refused(reason, expected=f"integer {lowest}-{highest}")
        return number

    schema = {"type": "integer", "minimum": lowest, "maximum": highest}
    return Kind(read=read, schema=schema, reasons=(reason,))


def position() -> Kind:
    """Accept a place in the log."""

    def read(value: Any, _: Document) -> int:
        if not WHOLE.fullmatch(value):
            raise Refused(Reason.INVALID_POSITION)
        return int(value)

    schema = {"type": "integer", "minimum": 0}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_POSITION,))


def day_or_timestamp(moment: str) -> Kind:
    """Accept an RFC 3339 time with offset, or a UTC day, which is read as that `moment` of it."""
    precise = timestamp()

    def read(value: Any, document: Document) -> str:
        trimmed = str(value).strip()
        told: str = precise.read(trimmed + moment * is_day(trimmed), document)
        return told

    schema = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
    return Kind(read=read, schema=schema, reasons=precise.reasons)


def is_day(text: str) -> bool:
    """Say whether a text has the form of a day."""
    return DAY.fullmatch(text) is not None


def page() -> Kind:
    """Accept a page number; anything that is none counts as the first page."""

    def read(value: Any, _: Document) -> int:
        return max(1, int(value)) if WHOLE.fullmatch(value) else 1

    return Kind(read=read, schema=forgiving("From 1 on; anything else is 1.", 1), forgiving=True)


def page_size(usual: int = 20, highest: int = 100) -> Kind:
    """Accept a number of rows: more than allowed is cut, anything invalid is the usual number."""

    def read(value: Any, _: Document) -> int:
        rows = int(value) if WHOLE.fullmatch(value) else 0
        return min(rows, highest) if rows else usual

    described = f"1 to {highest}; more is {highest}, anything else {usual}."
    return Kind(read=read, schema=forgiving(described, usual), forgiving=True)


def forgiving(description: str, usual: int) -> dict[str, Any]:
    """Describe a number in whose place anything is accepted."""
    return {"type": ["integer", "string"], "description": description, "default": usual}
