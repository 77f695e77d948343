"""The fields of a payment as a client sends them, in the order their faults are told."""

from datetime import timedelta
from typing import Any

import msgspec

from api.call import Call
from api.envelope import now_text
from api.fields import Document, Field, FieldTable, Kind
from api.kinds import currency, enum, integer, money, text, timestamp, uuid
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.identity import new_id
from ledger.times import later

DESCRIPTION_LENGTH_MAX = 255
REFERENCE_LENGTH_MAX = 140
SCHEDULE_DAYS_MAX = 365
PRIORITY_MAX = 9
PAYMENT_TYPES = ("TRANSFER", "PAYMENT", "DEPOSIT", "WITHDRAWAL")
STATE_REASONS = (Reason.ACCOUNT_INACTIVE, Reason.ACCOUNT_FROZEN, Reason.ACCOUNT_SUSPENDED)


class PaymentDefaults(msgspec.Struct, frozen=True):
    """What a payment is when it does not say: processed by hand, or started by itself."""

    auto: bool = False


def destination() -> Kind:
    """Accept an account to pay to, which only a transfer out has."""
    identity = uuid()

    def read(value: Any, document: Document) -> Any:
        account_id = identity.read(value, document)
        said = (document.get("direction"), document.get("payment_type"))
        if tuple(str(word).strip().upper() for word in said) != ("DEBIT", "TRANSFER"):
            raise Refused(Reason.INVALID_DESTINATION, needs=["DEBIT", "TRANSFER"])
        return account_id

    reasons = (*identity.reasons, Reason.INVALID_DESTINATION)
    return Kind(read=read, schema=identity.schema, reasons=reasons)


def schedule() -> Kind:
    """Accept a time in the future, within a year."""
    moment = timestamp()

    def read(value: Any, document: Document) -> Any:
        at, now = moment.read(value, document), now_text()
        if not now < at <= later(now, timedelta(days=SCHEDULE_DAYS_MAX)):
            raise Refused(Reason.INVALID_SCHEDULE, days_max=SCHEDULE_DAYS_MAX)
        return at

    reasons = (*moment.reasons, Reason.INVALID_SCHEDULE)
    return Kind(read=read, schema=moment.schema, reasons=reasons)


PAYMENT = FieldTable(
    (
        Field("amount", money(), required=True),
        Field(
            "direction",
            enum("CREDIT", "DEBIT", reason=Reason.INVALID_DIRECTION),
            required=True,
        ),
        Field(
            "payment_type",
            enum(*PAYMENT_TYPES, reason=Reason.INVALID_PAYMENT_TYPE),
            required=True,
        ),
        Field(
            "description",
            text(1, DESCRIPTION_LENGTH_MAX, Reason.INVALID_DESCRIPTION_FORMAT),
            required=True,
        ),
        Field("user_bank_account_id", uuid(), required=True),
        Field("currency", currency()),
        Field("destination_account_id", destination()),
        Field("reference", text(1, REFERENCE_LENGTH_MAX, Reason.INVALID_REFERENCE_FORMAT)),
        Field("scheduled_at", schedule()),
        Field("priority", integer(0, PRIORITY_MAX), default=0),
        Field("processing", enum("manual", "auto", any_case=False)),
    )
)


TEXTS = FieldTable(
    (
        Field("description", text(1, DESCRIPTION_LENGTH_MAX, Reason.INVALID_DESCRIPTION_FORMAT)),
        Field("reference", text(1, REFERENCE_LENGTH_MAX, Reason.INVALID_REFERENCE_FORMAT)),
    ),
    any_of=True,
)
"""What can be changed while a payment waits."""


def payment_texts(call: Call, owner: str) -> dict[str, Private]:
    """Return the texts of a payment that are given; they belong to the owner of the money."""
    return {
        name: Private(call.body[name], owner)
        for name in ("description", "reference")
        if name in call.body
    }


def payment_fields(call: Call) -> dict[str, Any]:
    """Return the fields of the command that creates or rehearses this payment."""
    body = call.body
    scheduled = body.get("scheduled_at") is not None
    usual = "auto" if scheduled or call.use(PaymentDefaults).auto else "manual"
    return {
        "payment_id": new_id(),
        "user_bank_account_id": body["user_bank_account_id"],
        "amount": body["amount"],
        "currency": body.get("currency"),
        "direction": body["direction"],
        "payment_type": body["payment_type"],
        **payment_texts(call, f"account-{body['user_bank_account_id']}"),
        "destination_account_id": body.get("destination_account_id"),
        "scheduled_at": body.get("scheduled_at"),
        "priority": body["priority"],
        "processing": body.get("processing") or usual,
    }
