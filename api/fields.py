"""Field tables: what a request may say, read in order, every bad field told at once."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from api.problems import NAME_LENGTH_MAX, FieldError, Malformed, sentence
from ledger.errors import Reason, Refused

Document: TypeAlias = Mapping[str, Any]
Read: TypeAlias = Callable[[Any, Document], Any]
"""Turns what was sent into what is meant, or refuses; may look at the other fields as sent."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of value: how it is read, how OpenAPI describes it, how it can be wrong.

    A `forgiving` kind makes something of anything, blanks included.
    """

    read: Read
    schema: dict[str, Any]
    reasons: tuple[Reason, ...] = ()
    forgiving: bool = False


class Field(msgspec.Struct, frozen=True):
    """One row of a field table. A `nullable` field tells an explicit null from an absent field."""

    name: str
    kind: Kind
    required: bool = False
    default: Any = msgspec.UNSET
    nullable: bool = False


class FieldTable(msgspec.Struct, frozen=True):
    """The fields of one body, in the order their faults are told."""

    fields: tuple[Field, ...] = ()
    any_of: bool = False
    """At least one of the fields has to be given."""

    @property
    def names(self) -> list[str]:
        """Return the names of all fields."""
        return [field.name for field in self.fields]


NOTHING = FieldTable()
"""The table of a command without fields."""


class Faults:
    """Collects what is wrong with a request; the facts are those of the first fault."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self.details: dict[str, Any] = {}

    def add(self, field: str, reason: Reason, facts: Mapping[str, Any]) -> None:
        """Note one fault of one field."""
        if not self.errors:
            self.details = {"field": field, **facts}
        self.errors.append(FieldError(field, reason, sentence(field, reason, facts)))

    def add_refusal(self, field: str, refused: Refused) -> None:
        """Note why a value was refused; faults of its rows are addressed from `field` on."""
        if not isinstance(refused, Malformed):
            facts = {name: fact for name, fact in refused.details.items() if name != "field"}
            return self.add(field, refused.reason, facts)
        if not self.errors:
            self.details = {**refused.details, "field": f"{field}{refused.errors[0].field}"}
        self.errors += [
            FieldError(field + each.field, each.reason, field + each.detail)
            for each in refused.errors
        ]
        return None

    def tell(self) -> None:
        """Refuse when there was any fault."""
        if self.errors:
            raise Malformed(self.errors, self.details)


def read_body(table: FieldTable, document: Document, faults: Faults) -> dict[str, Any]:
    """Read a body: unknown fields first, then the table in order. Null means not given."""
    known = table.names
    for name in document:
        if name not in known:
            faults.add(name[:NAME_LENGTH_MAX], Reason.UNKNOWN_FIELD, {"allowed": known})
    values = read_fields(table.fields, document, faults)
    if table.any_of and not values and not faults.errors:
        faults.add(known[0], Reason.MISSING_FIELDS, {"any_of": known})
    return values


def read_query(fields: tuple[Field, ...], document: Document, faults: Faults) -> dict[str, Any]:
    """Read query parameters: unknown ones first; a parameter that is sent is not blank."""
    known = [field.name for field in fields]
    allowed = [*known, "version"]
    for name in document:
        if name not in allowed:
            shown = name[:NAME_LENGTH_MAX]
            faults.add(shown, Reason.UNKNOWN_PARAMETER, {"parameter": shown, "allowed": allowed})
    for field in fields:
        blank = not document.get(field.name, "given").strip()
        if blank and not (field.required or field.kind.forgiving):
            faults.add(field.name, Reason.MISSING_FIELDS, {})
            document = {name: value for name, value in document.items() if name != field.name}
    return read_fields(fields, document, faults)


def read_fields(fields: tuple[Field, ...], document: Document, faults: Faults) -> dict[str, Any]:
    """Read every field of the table that is given; absent ones take their default, if any."""
    values: dict[str, Any] = {}
    for field in fields:
        name = field.name
        value = document.get(name)
        if value is None:
            take_absent(field, document, values, faults)
        elif field.required and type(value) is str and not value.strip():
            faults.add(name, Reason.MISSING_FIELDS, {})
        else:
            try:
                values[name] = field.kind.read(value, document)
            except Refused as refused:
                faults.add_refusal(name, refused)
    return values


def take_absent(field: Field, document: Document, values: dict[str, Any], faults: Faults) -> None:
    """Take a field that was not given: a fault, an explicit null, the default, or nothing."""
    if field.required:
        faults.add(field.name, Reason.MISSING_FIELDS, {})
    elif field.nullable and field.name in document:
        values[field.name] = None
    elif field.default is not msgspec.UNSET:
        values[field.name] = field.default
