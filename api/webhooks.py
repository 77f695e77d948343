"""Webhooks in: who signed a message, how old it is, and what it is called (banking.md §8)."""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import msgspec

from api.call import Call
from api.envelope import now_text
from api.shapes import Id, Shape, Time
from api.strict_json import decode_object
from ledger.errors import Reason, Refused
from schema.postgres import Pool

KINDS = ("payments", "banks", "fraud")
TOLERANCE_SECONDS = 300
SIGNED_AT = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)
SIGNED = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
EVENT_ID_LENGTH_MAX = 200


class PaymentReported(Shape, frozen=True):
    """What a status of a payment led to."""

    message: str
    payment_id: Id
    status: str
    result: Literal["applied", "unchanged", "conflict"]
    duplicate: bool
    timestamp: Time


class BankNewsReported(Shape, frozen=True):
    """Which syncs a bank's news led to."""

    message: str
    user_id: Id
    accounts_synced: int
    jobs: list[Id]
    duplicate: bool
    timestamp: Time


class FraudTold(Shape, frozen=True):
    """What a suspicion led to."""

    message: str
    payment_id: Id
    severity: str
    recommended_action: str
    action_taken: Literal["recorded", "payment_cancelled", "payment_stopped", "account_frozen"]
    duplicate: bool
    timestamp: Time


class Described(Shape, frozen=True):
    """How one kind of message is sent."""

    endpoint: str
    method: Literal["POST"]
    description: str
    required_headers: list[str]
    example_payload: dict[str, Any]


class Webhooks(Shape, frozen=True):
    """Every kind of message that is taken."""

    webhooks: list[Described]
    total_count: int
    documentation_url: str


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """Made once per application: the secret of every kind; without one nothing is taken."""

    secrets: Mapping[str, str | None]
    require_timestamp: bool
    pool: Pool


class Letter(msgspec.Struct, frozen=True):
    """A message that is proven: its content, and the name by which it is known again."""

    document: dict[str, Any]
    event_id: str


async def opened(call: Call, kind: str) -> Letter:
    """Return a message whose signature and age are right; refuse any other."""
    inbox, body = call.use(Inbox), await call.take_body()
    told = call.header(b"x-webhook-provider")
    secret = inbox.secrets.get(kind)
    if secret is None or (told is not None and told != kind):
        raise Refused(Reason.UNAUTHORIZED)
    signed_at = proven(call.header(b"x-webhook-signature"), secret.encode(), body)
    document = decode_object(body)
    refuse_old(signed_at, document.get("timestamp"), required=inbox.require_timestamp)
    named = document.get("event_id")
    is_named = isinstance(named, str) and 0 < len(named) <= EVENT_ID_LENGTH_MAX
    return Letter(document, str(named) if is_named else sha256(body).hexdigest())


def proven(signature: str | None, secret: bytes, body: bytes) -> int | None:
    """Return when a body was signed (Unix seconds), if that is told; refuse a wrong signature."""
    timed = SIGNED_AT.fullmatch(signature or "")
    plain = SIGNED.fullmatch(signature or "")
    if timed is not None:
        expected = hmac.digest(secret, timed[1].encode() + b"." + body, sha256).hex()
        if hmac.compare_digest(expected, timed[2]):
            return int(timed[1])
    elif plain is not None:
        expected = hmac.digest(secret, body, sha256).hex()
        if hmac.compare_digest(expected, plain[1]):
            return None
    raise Refused(Reason.UNAUTHORIZED)


def refuse_old(signed_at: int | None, timestamp: Any, *, required: bool) -> None:
    """Refuse a message that is not of now; one that tells no time only where that is required."""
    now = datetime.fromisoformat(now_text())
    sent = signed_at if signed_at is not None else moment_of(timestamp)
    if sent is None:
        if required:
            raise Refused(Reason.UNAUTHORIZED)
        return
    if abs(int(now.timestamp()) - sent) > TOLERANCE_SECONDS:
        raise Refused(Reason.UNAUTHORIZED)


def moment_of(timestamp: Any) -> int | None:
    """Return a time that a body tells as Unix seconds, whether a number or RFC 3339 text."""
    if type(timestamp) is int:
        return timestamp
    if not isinstance(timestamp, str):
        return None
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError as failure:
        raise Refused(Reason.UNAUTHORIZED) from failure
    if moment.tzinfo is None:
        raise Refused(Reason.UNAUTHORIZED)
    return int(moment.timestamp())


def needed(document: Mapping[str, Any], *names: str) -> None:
    """Refuse a message that lacks what it is about."""
    missing = [name for name in names if document.get(name) in {None, ""} or name not in document]
    if missing:
        raise Refused(Reason.WEBHOOK_PROCESSING_FAILED, missing=missing)


def wrong(field: str) -> Refused:
    """Return why a message with a value that means nothing is refused."""
    return Refused(Reason.WEBHOOK_PROCESSING_FAILED, field=field)
