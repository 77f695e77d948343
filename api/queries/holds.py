"""Questions about holds: how one stands, which there are on an account."""

from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.envelope import now_text
from api.lists import ListMetadata, list_fields, listed, read_list
from api.reading import Reading, visible
from api.reply import Reply
from api.shapes import Hold
from ledger.errors import Reason
from ledger.policies import access
from projections import accounts, holds

READS_HOLDS = HUMAN.or_service("accounts:read")


async def show_hold(call: Call) -> Reply:
    """Show one hold as it is now."""
    found = await holds.one(call.use(Reading).pool, call.path["id"], now_text())
    hold = visible(call, found, access.may_read_account, Reason.HOLD_NOT_FOUND)
    return Reply(data=hold.data, version=hold.version)


async def list_account_holds(call: Call) -> Reply:
    """List what is and was promised from one account."""
    pool, account_id, now = call.use(Reading).pool, call.path["id"], now_text()
    wanted = read_list(call, holds.LISTING, account_id=account_id)
    account = await accounts.balance(pool, account_id, now)
    visible(call, account, access.may_read_account, Reason.ACCOUNT_NOT_FOUND)
    return listed(await holds.page(pool, wanted, now))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/holds/{id}",
        handler=show_hold,
        who=READS_HOLDS,
        summary="Show a hold",
        tag="Holds",
        query=(),
        reads=("holds",),
        data=Hold,
        reasons=(Reason.UNAUTHORIZED_ACCESS, Reason.HOLD_NOT_FOUND),
    ),
    Endpoint(
        method="GET",
        path="/api/accounts/{id}/holds",
        handler=list_account_holds,
        who=READS_HOLDS,
        summary="List the holds of an account",
        tag="Accounts",
        query=list_fields(holds.LISTING, "account_id"),
        reads=("accounts", "holds"),
        listed=True,
        data=list[Hold],
        metadata=ListMetadata,
        reasons=(Reason.UNAUTHORIZED_ACCESS, Reason.ACCOUNT_NOT_FOUND),
    ),
)
