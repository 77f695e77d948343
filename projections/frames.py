"""Frames: what a notice tells, in the words of a stream (events_audit.md §3.3)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from projections.notices import PUBLIC
from projections.reconciliation import KINDS
from projections.told import Occasion, Teller

Payload: TypeAlias = dict[str, Any]
Written: TypeAlias = Callable[[Teller, Occasion], Awaitable[Payload | None]]
"""Returns what is told; None when there is nothing to tell."""


class Frame(msgspec.Struct, frozen=True):
    """One message to whoever may know: its place in the log, its name, and its payload."""

    position: int
    event: str
    payload: Payload


async def frames_of(teller: Teller, occasion: Occasion, names: frozenset[str]) -> list[Frame]:
    """Return the frames of a notice that have one of `names`, in the order they are sent."""
    notice, told = occasion.notice, []
    for event in FRAMES.get(notice.kind, ()):
        if event in names:
            payload = await PAYLOADS[event](teller, occasion)
            if payload is not None:
                payload |= {"position": notice.position, "timestamp": notice.recorded_at}
                told.append(Frame(notice.position, event, payload))
    return told


def kinds_of(names: Iterable[str]) -> frozenset[str]:
    """Return the kinds of notices that make frames with one of these names."""
    wanted = frozenset(names)
    return frozenset(kind for kind, events in FRAMES.items() if not wanted.isdisjoint(events))


def picked(record: Mapping[str, Any], *names: str) -> Payload:
    """Return some fields of a record."""
    return {name: record.get(name) for name in names}


async def payment(teller: Teller, occasion: Occasion) -> Payload:
    """Tell how a payment stood then."""
    record = await teller.payment(occasion)
    fields = ("status", "amount", "currency", "direction", "description", "updated_at")
    return {"payment_id": occasion.notice.subject} | picked(record, *fields)


async def payment_failed(teller: Teller, occasion: Occasion) -> Payload:
    """Tell why a payment failed, and when."""
    record = await teller.payment(occasion)
    failed = {"error_reason": record.get("failure_reason"), "failed_at": record.get("failed_at")}
    return await payment(teller, occasion) | failed


async def balance(teller: Teller, occasion: Occasion) -> Payload:
    """Tell what an account held then, and what of it was free."""
    record = await teller.account(occasion)
    fields = ("account_name", "balance", "available", "held", "currency", "updated_at")
    return {"account_id": occasion.notice.account_id} | picked(record, *fields)


async def transaction(teller: Teller, occasion: Occasion) -> Payload:
    """Tell of an entry on an account."""
    record = await teller.transaction(occasion, None)
    return picked(
        record,
        "id",
        "account_id",
        "type",
        "amount",
        "currency",
        "direction",
        "description",
        "balance_after",
        "posted_at",
    )


async def hold(teller: Teller, occasion: Occasion) -> Payload:
    """Tell how a hold stood then."""
    record = await teller.hold(occasion)
    fields = ("account_id", "status", "remaining_amount", "currency", "expires_at")
    return {"hold_id": occasion.notice.subject} | picked(record, *fields)


async def synced(teller: Teller, occasion: Occasion) -> Payload:
    """Tell what a sync has brought."""
    event = await teller.event(occasion)
    return {
        "connection_id": occasion.notice.subject,
        "accounts_synced": event.accounts,
        "imported": event.imported,
        "sync_completed_at": occasion.notice.recorded_at,
    }


async def connection(teller: Teller, occasion: Occasion) -> Payload | None:
    """Tell how a connection stood then; nothing when it stood so already."""
    fields = ("status", "status_reason")
    now = picked(await teller.connection(occasion), *fields)
    if now == picked(await teller.connection_before(occasion), *fields):
        return None
    return {"connection_id": occasion.notice.subject} | now


async def discrepancy(_: Teller, occasion: Occasion) -> Payload:
    """Tell which discrepancy was found, and of what kind it is."""
    return {"id": occasion.notice.subject, "kind": occasion.notice.note}


async def maintenance(teller: Teller, occasion: Occasion) -> Payload:
    """Tell everybody what was announced."""
    event = await teller.event(occasion)
    return {"message": event.message, "scheduled_time": event.scheduled_time}


async def dead_letter(_: Teller, occasion: Occasion) -> Payload:
    """Tell which work ended without success, and why."""
    return {"id": occasion.notice.subject, "reason": occasion.notice.note}


ENTERED = ("transaction_posted", "balance_notification")
PROMISED = ("hold_notification", "balance_notification")
MOVED = ("payment_notification",)
FRAMES: Mapping[str, tuple[str, ...]] = {
    "PaymentCreated": ("payment_created",),
    "PaymentProcessingStarted": MOVED,
    "PaymentCompleted": MOVED,
    "PaymentCancelled": MOVED,
    "PaymentFailed": (*MOVED, "payment_failed"),
    "AccountDebited": ENTERED,
    "AccountCredited": ENTERED,
    "HoldPlaced": PROMISED,
    "HoldReleased": PROMISED,
    "HoldExpired": PROMISED,
    "HoldCaptured": ("hold_notification",),
    "ConnectionAuthorised": ("connection_notification",),
    "ConnectionFailed": ("connection_notification",),
    "ConnectionExpired": ("connection_notification",),
    "ConnectionRevoked": ("connection_notification",),
    "SyncCompleted": ("account_sync_completed", "connection_notification"),
    **dict.fromkeys((kind.stored_as for kind in KINDS), ("discrepancy_found",)),
    "JobDeadLettered": ("job_dead_lettered",),
    PUBLIC: ("system_maintenance",),
}
"""What is told of each kind of notice. A capture goes with an entry, which tells the balance."""
PAYLOADS: Mapping[str, Written] = {
    "payment_created": payment,
    "payment_notification": payment,
    "payment_failed": payment_failed,
    "transaction_posted": transaction,
    "balance_notification": balance,
    "hold_notification": hold,
    "account_sync_completed": synced,
    "connection_notification": connection,
    "discrepancy_found": discrepancy,
    "job_dead_lettered": dead_letter,
    "system_maintenance": maintenance,
}
NAMES = frozenset(PAYLOADS)
