"""The fields of banks and branches as clients send them (http.md §4.15).

Check digits of account and routing numbers are judged where advanced validation is on.
"""

from collections.abc import Callable
from typing import Any

from api.fields import Document, Field, FieldTable, Kind
from api.kinds import enum, pattern, text, url
from ledger.errors import Reason, Refused
from ledger.policies.bank_numbers import is_checked_iban, is_checked_routing_number
from ledger.policies.banks import PROVIDERS

NAME_LENGTH_MIN, NAME_LENGTH_MAX = 2, 100
PUNCTUATION = frozenset(" -&.,()")
HOUSE_CODE = "LEDGERBANK"
"""The code of our own clearing accounts; no outside bank may have it."""


def bank_name() -> Kind:
    """Accept a name of letters, digits, blanks and some punctuation."""
    expected = f"{NAME_LENGTH_MIN} to {NAME_LENGTH_MAX} letters, digits, blanks or - & . , ( )"

    def read(value: Any, _: Document) -> str:
        name = value.strip() if isinstance(value, str) else ""
        plain = all(each.isalnum() or each in PUNCTUATION for each in name)
        if not plain or not NAME_LENGTH_MIN <= len(name) <= NAME_LENGTH_MAX:
            raise Refused(Reason.INVALID_NAME_FORMAT, expected=expected)
        return name

    schema = {
        "type": "string",
        "minLength": NAME_LENGTH_MIN,
        "maxLength": NAME_LENGTH_MAX,
        "pattern": r"^(?:[^\W_]|[ \-&.,()])+$",
    }
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_NAME_FORMAT,))


def bank_code() -> Kind:
    """Accept a code that is not the house's own."""
    kind = pattern("[A-Z0-9_]{3,32}")

    def read(value: Any, document: Document) -> str:
        code: str = kind.read(value, document)
        if code == HOUSE_CODE:
            raise Refused(Reason.INVALID_FIELD_VALUE, expected="a code other than the house's own")
        return code

    return Kind(read=read, schema=kind.schema, reasons=kind.reasons)


def country() -> Kind:
    """Accept a country code of two or three letters."""
    return pattern("[A-Z]{2,3}", Reason.INVALID_COUNTRY_FORMAT)


def checked(kind: Kind, is_right: Callable[[str], bool]) -> Kind:
    """Accept what `kind` accepts if its check digits are right."""

    def read(value: Any, document: Document) -> str:
        number: str = kind.read(value, document)
        if not is_right(number):
            raise Refused(Reason.INVALID_FIELD_VALUE, expected="a number with right check digits")
        return number

    return Kind(read=read, schema=kind.schema, reasons=kind.reasons)


def branch_fields(*, check_digits: bool) -> FieldTable:
    """Return the fields of a new branch."""
    account = pattern("[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}", expected="an IBAN")
    routing = pattern("[0-9]{9}", expected="nine digits")
    if check_digits:
        account = checked(account, is_checked_iban)
        routing = checked(routing, is_checked_routing_number)
    swift = pattern("[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", expected="a BIC")
    return FieldTable(
        (
            Field(
                "name",
                text(NAME_LENGTH_MIN, NAME_LENGTH_MAX, Reason.INVALID_NAME_FORMAT, plain=True),
                required=True,
            ),
            Field("country", country(), required=True),
            Field("iban", account),
            Field("swift_code", swift),
            Field("routing_number", routing),
        )
    )


STATUS = enum("ACTIVE", "INACTIVE", reason=Reason.INVALID_STATUS)
PROVIDER = enum(*PROVIDERS)
NEW = FieldTable(
    (
        Field("name", bank_name(), required=True),
        Field("code", bank_code(), required=True),
        Field("country", country(), required=True),
        Field("logo_url", url()),
        Field("api_endpoint", url()),
        Field("provider", PROVIDER),
        Field("status", STATUS, default="ACTIVE"),
    )
)
CHANGES = FieldTable(
    (
        Field("name", bank_name()),
        Field("logo_url", url(), nullable=True),
        Field("api_endpoint", url(), nullable=True),
        Field("status", STATUS),
        Field("provider", PROVIDER, nullable=True),
    ),
    any_of=True,
)
