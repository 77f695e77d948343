"""Questions about transactions: every entry on a customer's account, as its owner sees it."""

from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.lists import ListMetadata, list_fields, listed, owner_of, read_list
from api.reading import Reading, permit_named_account, viewer_of, visible
from api.reply import Reply
from api.shapes import Transaction
from ledger.errors import Reason
from ledger.policies import access
from projections import transactions

READS_ACCOUNTS = HUMAN.or_service("accounts:read")


async def list_transactions(call: Call) -> Reply:
    """List the caller's transactions, or whose a reader asks for."""
    wanted = read_list(call, transactions.LISTING)
    await permit_named_account(call)
    owner, pool = owner_of(call, wanted), call.use(Reading).pool
    return listed(await transactions.page(pool, wanted, owner, viewer_of(call)))


async def show_transaction(call: Call) -> Reply:
    """Show one transaction."""
    found = await transactions.one(call.use(Reading).pool, call.path["id"], viewer_of(call))
    shown = visible(call, found, access.may_read_account, Reason.TRANSACTION_NOT_FOUND)
    return Reply(data=shown.data)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/transactions",
        handler=list_transactions,
        who=READS_ACCOUNTS,
        summary="List transactions",
        tag="Transactions",
        query=list_fields(transactions.LISTING),
        reads=("accounts", "transactions"),
        listed=True,
        data=list[Transaction],
        metadata=ListMetadata,
        reasons=(Reason.UNAUTHORIZED_ACCESS,),
    ),
    Endpoint(
        method="GET",
        path="/api/transactions/{id}",
        handler=show_transaction,
        who=READS_ACCOUNTS,
        summary="Show a transaction",
        tag="Transactions",
        query=(),
        reads=("transactions",),
        data=Transaction,
        reasons=(Reason.UNAUTHORIZED_ACCESS, Reason.TRANSACTION_NOT_FOUND),
    ),
)
