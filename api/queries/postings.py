"""Questions about postings: what was booked, line by line, and what counts earlier than that."""

from api.books import Posting, Restatement
from api.call import Call
from api.callers import HUMAN, READER
from api.endpoint import Endpoint
from api.lists import ListMetadata, list_fields, listed, read_list
from api.reading import Reading, viewer_of, visible
from api.reply import Reply
from ledger.errors import Reason
from ledger.policies import access
from projections import postings, restatements


async def show_posting(call: Call) -> Reply:
    """Show one posting; an owner does not see whose the other accounts are."""
    pool = call.use(Reading).pool
    found = await postings.one(pool, call.path["id"], viewer_of(call))
    shown = visible(call, found, access.may_read_posting, Reason.POSTING_NOT_FOUND)
    return Reply(data=shown.data)


async def list_restatements(call: Call) -> Reply:
    """List what counts from a time, and was booked later."""
    wanted = read_list(call, restatements.LISTING)
    return listed(await restatements.page(call.use(Reading).pool, wanted))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/postings/{id}",
        handler=show_posting,
        who=HUMAN.or_service("ledger:read"),
        summary="Show a posting",
        tag="Ledger",
        query=(),
        reads=("postings",),
        data=Posting,
        reasons=(Reason.INSUFFICIENT_PERMISSIONS, Reason.POSTING_NOT_FOUND),
    ),
    Endpoint(
        method="GET",
        path="/api/reports/restatements",
        handler=list_restatements,
        who=READER.or_service("ledger:read"),
        summary="List postings that count from earlier than they were booked",
        tag="Ledger",
        query=list_fields(restatements.LISTING),
        reads=("restatements",),
        listed=True,
        data=list[Restatement],
        metadata=ListMetadata,
    ),
)
