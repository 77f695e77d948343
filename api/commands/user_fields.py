"""The fields of people as clients send them (http.md §4.6), and the rules of passwords."""

from typing import Any

from api.fields import Document, Field, FieldTable, Kind
from api.kinds import anything, boolean, email, enum, text
from api.passwords import LENGTH_MAX, Lengths
from ledger.errors import Reason, Refused

NAME_LENGTH_MAX = 255
ROLES = ("user", "support", "admin", "auditor")
STATUSES = ("ACTIVE", "SUSPENDED")


def full_name() -> Kind:
    """Take what a person is called."""
    return text(1, NAME_LENGTH_MAX, Reason.INVALID_NAME_FORMAT, plain=True)


def role() -> Kind:
    """Take one of the roles of humans."""
    return enum(*ROLES, reason=Reason.INVALID_ROLE)


def password(lengths: Lengths) -> Kind:
    """Take a new password exactly as it is sent, as long as the role beside it asks for."""

    def read(value: Any, document: Document) -> str:
        shortest = lengths.minima[role_in(document)]
        if not isinstance(value, str) or not shortest <= len(value) <= LENGTH_MAX:
            raise Refused(
                Reason.INVALID_PASSWORD_FORMAT,
                min_length=shortest,
                expected=f"text of {shortest} to {LENGTH_MAX} characters",
            )
        return value

    schema = {"type": "string", "minLength": min(lengths.minima.values()), "maxLength": LENGTH_MAX}
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_PASSWORD_FORMAT,))


def role_in(document: Document) -> str:
    """Return the role that a new person is to have; one that is none is told by its own field."""
    told = document.get("role")
    word = told.strip().lower() if isinstance(told, str) else ""
    return word if word in ROLES else "user"


def repeated(field: str) -> Kind:
    """Take the same text as in another field."""

    def read(value: Any, document: Document) -> Any:
        if value != document.get(field):
            raise Refused(Reason.INVALID_PASSWORD_FORMAT, expected=f"the same as {field}")
        return value

    return Kind(read=read, schema={"type": "string"}, reasons=(Reason.INVALID_PASSWORD_FORMAT,))


def registration(lengths: Lengths) -> FieldTable:
    """Return the fields of whoever registers; the role they name is nobody's concern."""
    everybody = Lengths(dict.fromkeys(ROLES, lengths.minima["user"]))
    return FieldTable((*newcomer(everybody), Field("role", anything())))


def registration_by_admin(lengths: Lengths) -> FieldTable:
    """Return the fields of somebody an admin lets join, with the role they are to have."""
    return FieldTable((*newcomer(lengths), Field("role", role(), default="user")))


def newcomer(lengths: Lengths) -> tuple[Field, ...]:
    """Return what everybody has to say who joins."""
    return (
        Field("email", email(), required=True),
        Field("full_name", full_name(), required=True),
        Field("password", password(lengths), required=True),
        Field("password_confirmation", repeated("password"), required=True),
    )


OWN_FIELDS = (
    Field("email", email()),
    Field("full_name", full_name()),
    Field("role", role()),
    Field("status", enum(*STATUSES, reason=Reason.INVALID_STATUS)),
)
PROFILE = FieldTable(OWN_FIELDS, any_of=True)
PERSON = FieldTable((*OWN_FIELDS, Field("verified", boolean())), any_of=True)
