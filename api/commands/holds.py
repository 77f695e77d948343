"""Commands about holds: place, capture, release."""

from api.asking import Told, ask
from api.call import Call
from api.callers import CUSTOMER
from api.commands.hold_shapes import Capture, show_capture, show_hold, version_of
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import boolean, currency, integer, money, text, uuid
from api.reply import Bare
from api.shapes import Hold
from ledger.commands.hold import CaptureClientHold, PlaceClientHold, ReleaseClientHold
from ledger.errors import Reason
from ledger.events.event import Private
from ledger.identity import new_id

DESCRIPTION_LENGTH_MAX = 255
REFERENCE_LENGTH_MAX = 140
EXPIRY_SECONDS_MIN, EXPIRY_SECONDS_MAX, EXPIRY_SECONDS_USUAL = 60, 2_592_000, 604_800
HOLDERS = CUSTOMER.or_service("holds:write")

PLACED = Told(show=show_hold, status=201, location="/api/holds/{id}", version=version_of)
CAPTURED = Told(show=show_capture, version=version_of)
RELEASED = Told(show=show_hold, version=version_of)


async def place_hold(call: Call) -> Bare:
    """Promise funds of an account for some time."""
    body = call.body
    owner, reference = f"account-{body['account_id']}", body.get("reference")
    command = PlaceClientHold(
        hold_id=new_id(),
        account_id=body["account_id"],
        amount=body["amount"],
        currency=body.get("currency"),
        description=Private(body["description"], owner),
        reference=None if reference is None else Private(reference, owner),
        destination_account_id=body.get("destination_account_id"),
        expires_in_seconds=body["expires_in_seconds"],
    )
    return await ask(call, command, PLACED)


async def capture_hold(call: Call) -> Bare:
    """Move what was promised, or a part of it."""
    command = CaptureClientHold(
        hold_id=call.path["id"],
        posting_id=new_id(),
        amount=call.body.get("amount"),
        destination_account_id=call.body.get("destination_account_id"),
        final=call.body["final"],
    )
    return await ask(call, command, CAPTURED)


async def release_hold(call: Call) -> Bare:
    """Give back what a hold still promises."""
    return await ask(call, ReleaseClientHold(hold_id=call.path["id"]), RELEASED)


PLACING = FieldTable(
    (
        Field("account_id", uuid(), required=True),
        Field("amount", money(), required=True),
        Field("currency", currency()),
        Field(
            "description",
            text(1, DESCRIPTION_LENGTH_MAX, Reason.INVALID_DESCRIPTION_FORMAT),
            required=True,
        ),
        Field("reference", text(1, REFERENCE_LENGTH_MAX, Reason.INVALID_REFERENCE_FORMAT)),
        Field("destination_account_id", uuid()),
        Field(
            "expires_in_seconds",
            integer(EXPIRY_SECONDS_MIN, EXPIRY_SECONDS_MAX),
            default=EXPIRY_SECONDS_USUAL,
        ),
    )
)
CAPTURING = FieldTable(
    (
        Field("amount", money()),
        Field("destination_account_id", uuid()),
        Field("final", boolean(), default=True),
    )
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/holds",
        handler=place_hold,
        who=HOLDERS,
        summary="Place a hold",
        tag="Holds",
        body=PLACING,
        keyed=True,
        status=201,
        data=Hold,
        reasons=(
            Reason.ACCOUNT_NOT_FOUND,
            Reason.UNAUTHORIZED_ACCESS,
            Reason.SAME_ACCOUNT_TRANSFER,
            Reason.CURRENCY_MISMATCH,
            Reason.RAIL_UNAVAILABLE,
            Reason.ACCOUNT_INACTIVE,
            Reason.ACCOUNT_FROZEN,
            Reason.ACCOUNT_SUSPENDED,
            Reason.AMOUNT_EXCEEDS_LIMIT,
            Reason.INSUFFICIENT_FUNDS,
            Reason.DAILY_LIMIT_EXCEEDED,
        ),
    ),
    Endpoint(
        method="POST",
        path="/api/holds/{id}/capture",
        handler=capture_hold,
        who=HOLDERS,
        summary="Capture a hold, or a part of it",
        tag="Holds",
        body=CAPTURING,
        keyed=True,
        conditional=True,
        data=Capture,
        reasons=(
            Reason.MISSING_FIELDS,
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.HOLD_NOT_FOUND,
            Reason.ACCOUNT_NOT_FOUND,
            Reason.HOLD_NOT_ACTIVE,
            Reason.HOLD_AMOUNT_EXCEEDED,
            Reason.CURRENCY_MISMATCH,
            Reason.SAME_ACCOUNT_TRANSFER,
            Reason.RAIL_UNAVAILABLE,
            Reason.ACCOUNT_INACTIVE,
            Reason.ACCOUNT_FROZEN,
            Reason.AMOUNT_EXCEEDS_LIMIT,
        ),
    ),
    Endpoint(
        method="POST",
        path="/api/holds/{id}/release",
        handler=release_hold,
        who=HOLDERS,
        summary="Release a hold",
        tag="Holds",
        keyed=True,
        conditional=True,
        data=Hold,
        reasons=(
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.HOLD_NOT_FOUND,
            Reason.HOLD_NOT_ACTIVE,
        ),
    ),
)
