"""Questions about payments: which there are, how one stands, how a person stands."""

from api.call import Call, caller_id
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.envelope import now_text
from api.fields import Field
from api.kinds import uuid
from api.lists import ListedMetadata, list_fields, listed, owner_of, read_list
from api.queries.payment_shapes import PaymentStanding, PaymentStats, Retrieved
from api.queries.payment_standing import standing_of
from api.reading import Reading, actor_of, visible
from api.reply import Reply
from api.shapes import Payment
from api.time_travel import TRAVEL, RetrievedThen, asked_moment, then
from ledger.errors import Reason, Refused
from ledger.policies import access
from projections import looking_back, payments
from projections.figures import payment_stats
from projections.items import Item

NOT_TO_BE_SEEN = (Reason.INSUFFICIENT_PERMISSIONS, Reason.PAYMENT_NOT_FOUND)


async def list_payments(call: Call) -> Reply:
    """List the caller's payments, or whose a reader asks for."""
    wanted = read_list(call, payments.LISTING)
    owner = owner_of(call, wanted)
    found = await payments.page(call.use(Reading).pool, wanted, owner)
    return listed(found, action="listed")


async def show_payment(call: Call) -> Reply:
    """Show one payment, as it is or as it was."""
    moment = await asked_moment(call)
    if moment is not None:
        found = await looking_back.payment(call.use(Reading).past, call.path["id"], moment)
        shown = visible(call, found, access.may_read_payment, Reason.PAYMENT_NOT_FOUND)
        return then(shown, moment, action="retrieved")
    payment = await readable_payment(call)
    return Reply(data=payment.data, version=payment.version, metadata=b'{"action":"retrieved"}')


async def show_status(call: Call) -> Reply:
    """Show one payment with what could be done with it, and what is being done."""
    payment = await readable_payment(call)
    data = await standing_of(call, payment.data)
    return Reply(data=data, metadata=b'{"action":"status_retrieved"}')


async def show_stats(call: Call) -> Reply:
    """Show how the caller stands, or of whom a reader asks."""
    user_id = call.query.get("user_id") or caller_id(call)
    stats = await payment_stats(call.use(Reading).pool, user_id, now_text())
    if stats is None:
        raise Refused(Reason.USER_NOT_FOUND)
    access.may_read_payment_stats(actor_of(call), user_id)
    return Reply(data=stats, metadata=b'{"action":"stats_retrieved"}')


async def readable_payment(call: Call) -> Item:
    """Return a payment that is there and open to the caller."""
    found = await payments.one(call.use(Reading).pool, call.path["id"])
    return visible(call, found, access.may_read_payment, Reason.PAYMENT_NOT_FOUND)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/payments",
        handler=list_payments,
        who=HUMAN,
        summary="List payments",
        tag="Payments",
        query=list_fields(payments.LISTING),
        reads=("payments",),
        listed=True,
        data=list[Payment],
        metadata=ListedMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/payments/stats",
        handler=show_stats,
        who=HUMAN,
        summary="Show how somebody stands",
        tag="Payments",
        query=(Field("user_id", uuid()),),
        reads=("users", "accounts", "payments"),
        data=PaymentStats,
        metadata=Retrieved,
        reasons=(Reason.USER_NOT_FOUND,),
    ),
    Endpoint(
        method="GET",
        path="/api/payments/{id}",
        handler=show_payment,
        who=HUMAN,
        summary="Show a payment",
        tag="Payments",
        query=TRAVEL,
        reads=("payments",),
        data=Payment,
        metadata=RetrievedThen,
        reasons=NOT_TO_BE_SEEN,
    ),
    Endpoint(
        method="GET",
        path="/api/payments/{id}/status",
        handler=show_status,
        who=HUMAN,
        summary="Show how a payment stands",
        tag="Payments",
        query=(),
        reads=("payments",),
        data=PaymentStanding,
        metadata=Retrieved,
        reasons=NOT_TO_BE_SEEN,
    ),
)
