"""Times that lie in the past: since when something counts, as of when something is asked."""

from typing import Any

from api.envelope import now_text
from api.fields import Document, Kind
from api.kinds import timestamp
from ledger.errors import Reason, Refused


def past() -> Kind:
    """Accept an RFC 3339 time with offset that is not in the future."""
    moment = timestamp()

    def read(value: Any, document: Document) -> str:
        at: str = moment.read(value, document)
        if at > now_text():
            raise Refused(Reason.INVALID_DATETIME_FORMAT, expected="a time in the past")
        return at

    return Kind(read=read, schema=moment.schema, reasons=moment.reasons)
