"""New identities: time-ordered text ids, and ids derived from a cause.

An id is its canonical text (RFC 9562, lower case) everywhere inside the program: text is what the
log, the wire and the tables hold, and it costs a tenth of a `UUID` object on the append path.
"""

import re
from uuid import UUID, uuid5

import uuid_utils

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
DERIVED = UUID("6c62272e-07bb-5142-8d1f-1f0b5a1f8b70")
"""Namespace of derived ids; never changes, or retried steps lose their own trace."""


def new_id() -> str:
    """Return a fresh UUIDv7: later ids sort after earlier ones."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Say whether `text` is an id in 8-4-4-4-12 form, in any letter case."""
    return ID.fullmatch(text) is not None


def derived_id(*cause: str | int) -> str:
    """Return the UUIDv5 that `cause` always leads to, so a retried step finds its own trace."""
    return str(uuid5(DERIVED, "/".join(map(str, cause))))


def numbered_id(identity: str, ordinal: int) -> str:
    """Return the `ordinal`-th id (1..255) that belongs to `identity`: the entries of a posting."""
    last = (int(identity[-2:], 16) + ordinal) & 0xFF
    return f"{identity[:-2]}{last:02x}"
