"""GET /api/ledger/export: the whole ledger as a journal for other programs (proof.md P-3)."""

from api.call import Call
from api.callers import INSPECTOR
from api.endpoint import Endpoint
from api.envelope import now_text
from api.fields import Field
from api.kinds import enum, timestamp
from api.negotiation import WELCOME
from api.reading import Reading
from api.reply import Stream
from ledger.errors import Reason, Refused
from projections.journals.export import exported
from projections.journals.formats import FORMATS


async def export_ledger(call: Call) -> Stream:
    """Hand over everything that was booked, up to a moment or until now."""
    at = call.query.get("at")
    if at is not None and at > now_text():
        raise Refused(Reason.INVALID_DATETIME_FORMAT, field="at", expected="not in the future")
    written = FORMATS[call.query["format"]]()
    return Stream(
        pieces=exported(call.use(Reading).pool, written, at),
        content_type=f"{written.content_type}; charset=utf-8".encode(),
        headers=(
            (
                b"content-disposition",
                f'attachment; filename="ledger.{written.ending}"'.encode(),
            ),
        ),
    )


PLAIN, TABLE = "text/plain", "text/csv"
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/ledger/export",
        handler=export_ledger,
        who=INSPECTOR,
        summary="Export the whole ledger as a journal",
        tag="Ledger",
        query=(Field("format", enum(*FORMATS), required=True), Field("at", timestamp())),
        reads=("accounts", "postings"),
        data=str,
        enveloped=False,
        produces=PLAIN,
        exports=(TABLE,),
        accepts=WELCOME | {PLAIN, TABLE},
    ),
)
