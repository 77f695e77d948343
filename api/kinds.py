"""The kinds of values a request may carry: each reads one value, or refuses it with its reason."""

import re
from datetime import datetime
from typing import Any

from api.fields import Document, Faults, FieldTable, Kind, read_body
from ledger.errors import Reason, Refused
from ledger.money import AMOUNT, EXPONENTS, parse_positive
from ledger.times import utc_text

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
URL = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", re.IGNORECASE)
WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ANY_TEXT, PLAIN_TEXT = (
    r"^[^\x00]*[^\s\x00][^\x00]*$",
    r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
)
EMAIL_LENGTH_MAX, URL_LENGTH_MAX = 255, 2_048


def text(
    shortest: int, longest: int, reason: Reason = Reason.INVALID_FIELD_VALUE, *, plain: bool = False
) -> Kind:
    """Accept text of `shortest` to `longest` characters once trimmed; `plain` bars control ones."""
    expected = f"text of {shortest} to {longest} characters"

    def read(value: Any, _: Document) -> str:
        trimmed = value.strip() if isinstance(value, str) else None
        if trimmed is None or not shortest <= len(trimmed) <= longest or "\0" in trimmed:
            raise Refused(reason, expected=expected)
        if plain and CONTROL.search(trimmed):
            raise Refused(reason, expected=f"{expected} without control characters")
        return trimmed

    schema = {"type": "string", "minLength": shortest, "maxLength": longest}
    if shortest or plain:
        schema["pattern"] = PLAIN_TEXT if plain else ANY_TEXT
    return Kind(read=read, schema=schema, reasons=(reason,))


def untrimmed(longest: int, reason: Reason) -> Kind:
    """Accept text exactly as sent, such as a password."""

    def read(value: Any, _: Document) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= longest or "\0" in value:
            raise Refused(reason, expected=f"text of 1 to {longest} characters")
        return value

    return Kind(read=read, schema={"type": "string", "maxLength": longest}, reasons=(reason,))


def pattern(
    regex: str, reason: Reason = Reason.INVALID_FIELD_VALUE, expected: str | None = None
) -> Kind:
    """Accept trimmed text that matches `regex` from end to end."""
    compiled = re.compile(regex, re.ASCII)

    def read(value: Any, _: Document) -> str:
        trimmed = value.strip() if isinstance(value, str) else ""
        if not compiled.fullmatch(trimmed):
            raise Refused(reason, expected=expected or f"text like {regex}")
        return trimmed

    return Kind(read=read, schema={"type": "string", "pattern": f"^{regex}$"}, reasons=(reason,))


def uuid() -> Kind:
    """Accept an id in 8-4-4-4-12 form, in any letter case."""

    def read(value: Any, _: Document) -> str:
        if isinstance(value, str) and not value.strip():
            raise Refused(Reason.MISSING_FIELDS)
        if not isinstance(value, str) or not UUID.fullmatch(value.strip()):
            raise Refused(Reason.INVALID_UUID_FORMAT)
        return value.strip().lower()

    schema = {"type": "string", "format": "uuid"}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_UUID_FORMAT,))


def enum(*members: str, reason: Reason = Reason.INVALID_FIELD_VALUE, any_case: bool = True) -> Kind:
    """Accept one of a few words, in any letter case unless said otherwise; read as spelled here."""
    folded = {member.casefold() if any_case else member: member for member in members}

    def read(value: Any, _: Document) -> str:
        word = value.strip() if isinstance(value, str) else ""
        found = folded.get(word.casefold() if any_case else word)
        if found is None:
            raise Refused(reason, allowed=list(members))
        return found

    schema = {"type": "string", "enum": list(members)}
    return Kind(read=read, schema=schema, reasons=(reason,))


def currency() -> Kind:
    """Accept an active ISO 4217 code with a minor unit."""

    def read(value: Any, _: Document) -> str:
        code = value.strip() if isinstance(value, str) else ""
        if code not in EXPONENTS:
            raise Refused(Reason.INVALID_CURRENCY_FORMAT)
        return code

    schema = {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_CURRENCY_FORMAT,))


def money(*, zero: bool = False, currency_field: str = "currency") -> Kind:
    """Accept a decimal string > 0 (or ≥ 0), kept as text: the account may know its currency.

    When the currency is told beside it, its decimals are judged too.
    """

    def read(value: Any, document: Document) -> str:
        match = AMOUNT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise Refused(Reason.INVALID_AMOUNT_FORMAT)
        nothing = not (match[1] + (match[2] or "")).strip("0")
        if (match[0].startswith("-") and not (zero and nothing)) or (nothing and not zero):
            raise Refused(Reason.NEGATIVE_AMOUNT)
        code = document.get(currency_field)
        if isinstance(code, str) and code.strip() in EXPONENTS and not nothing:
            parse_positive(value, code.strip())
        return match[0]

    reasons = (Reason.INVALID_AMOUNT_FORMAT, Reason.AMOUNT_TOO_SMALL, Reason.NEGATIVE_AMOUNT)
    schema = {"type": "string", "pattern": f"^{AMOUNT.pattern}$", "examples": ["100.00"]}
    return Kind(read=read, schema=schema, reasons=reasons)


def integer(lowest: int, highest: int, reason: Reason = Reason.INVALID_FIELD_VALUE) -> Kind:
    """Accept a whole JSON number within bounds."""

    def read(value: Any, _: Document) -> int:
        if type(value) is not int or not lowest <= value <= highest:
            raise Refused(reason, expected=f"integer {lowest}-{highest}")
        return value

    schema = {"type": "integer", "minimum": lowest, "maximum": highest}
    return Kind(read=read, schema=schema, reasons=(reason,))


def boolean() -> Kind:
    """Accept true or false in a body."""

    def read(value: Any, _: Document) -> bool:
        if type(value) is not bool:
            raise Refused(Reason.INVALID_FIELD_VALUE, expected="true or false")
        return value

    return Kind(read=read, schema={"type": "boolean"}, reasons=(Reason.INVALID_FIELD_VALUE,))


def timestamp(reason: Reason = Reason.INVALID_DATETIME_FORMAT) -> Kind:
    """Accept an RFC 3339 time with offset; read as UTC text."""

    def read(value: Any, _: Document) -> str:
        trimmed = value.strip() if isinstance(value, str) else ""
        try:
            if TIMESTAMP.fullmatch(trimmed):
                return utc_text(datetime.fromisoformat(trimmed.upper()))
        except (ValueError, OverflowError):
            pass
        raise Refused(reason, expected="an RFC 3339 time with offset")

    schema = {"type": "string", "format": "date-time"}
    return Kind(read=read, schema=schema, reasons=(reason,))


def email() -> Kind:
    """Accept an e-mail address, trimmed and lower-cased."""

    def read(value: Any, _: Document) -> str:
        address = value.strip().lower() if isinstance(value, str) else ""
        known = EMAIL.fullmatch(address) and not CONTROL.search(address)
        if not known or len(address) > EMAIL_LENGTH_MAX:
            raise Refused(Reason.INVALID_EMAIL_FORMAT)
        return address

    schema = {"type": "string", "format": "email", "maxLength": EMAIL_LENGTH_MAX}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_EMAIL_FORMAT,))


def url() -> Kind:
    """Accept an absolute http or https address."""

    def read(value: Any, _: Document) -> str:
        address = value.strip() if isinstance(value, str) else ""
        if len(address) > URL_LENGTH_MAX or CONTROL.search(address) or not URL.fullmatch(address):
            raise Refused(Reason.INVALID_URL_FORMAT)
        return address

    schema = {"type": "string", "format": "uri", "maxLength": URL_LENGTH_MAX}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_URL_FORMAT,))


def anything() -> Kind:
    """Any JSON value, taken as it is; judged by the route, or ignored."""

    def read(value: Any, _: Document) -> Any:
        return value

    return Kind(read=read, schema={}, forgiving=True)


def rows(table: FieldTable, fewest: int, most: int, reason: Reason) -> Kind:
    """Accept a list of objects, each read by `table`; faults are addressed as `[3].amount`."""

    def read(value: Any, _: Document) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not fewest <= len(value) <= most:
            raise Refused(reason, expected=f"a list of {fewest} to {most} objects")
        faults, read_rows = Faults(), []
        for index, row in enumerate(value):
            inner = Faults()
            if isinstance(row, dict):
                read_rows.append(read_body(table, row, inner))
            else:
                inner.add("", Reason.INVALID_FIELD_VALUE, {"expected": "an object"})
            join(faults, inner, f"[{index}]")
        faults.tell()
        return read_rows

    schema = {"type": "array", "minItems": fewest, "maxItems": most, "items": table_schema(table)}
    reasons = (reason, *(each for field in table.fields for each in field.kind.reasons))
    return Kind(read=read, schema=schema, reasons=reasons)


def join(faults: Faults, inner: Faults, address: str) -> None:
    """Add the faults of one row to those of the list."""
    for error in inner.errors:
        field = f"{address}.{error.field}" if error.field else address
        faults.add(field, Reason(error.reason), inner.details)


def table_schema(table: FieldTable) -> dict[str, Any]:
    """Describe the object a field table reads, as JSON Schema."""
    properties = {field.name: nullable(field.kind.schema) for field in table.fields}
    for field in table.fields:
        if field.required:
            properties[field.name] = field.kind.schema
    required = [field.name for field in table.fields if field.required]
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if table.any_of:
        schema["minProperties"] = 1
    return schema | ({"required": required} if required else {})


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Let an optional field be null, which means not given."""
    kind = schema.get("type")
    if kind is None:
        return schema
    widened = {**schema, "type": [kind, "null"]}
    return widened | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})
