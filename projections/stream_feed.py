"""The feed: every event that somebody may be told of while it happens (events_audit.md §3).

A notice says where to look and whose it is; what is told is read when it is sent, as it was then.
"""

from collections.abc import Iterable
from typing import Any

from ledger.events.account import (
    AccountActivated,
    AccountClosed,
    AccountClosedAtBank,
    AccountCredited,
    AccountCreditLimitChanged,
    AccountDeactivated,
    AccountDebited,
    AccountFrozen,
    AccountLimitsChanged,
    AccountLinked,
    AccountOpened,
    AccountRenamed,
    AccountUnfrozen,
    AccountUnlinked,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.announcement import MaintenanceAnnounced
from ledger.events.audit import JobDeadLettered
from ledger.events.connection import (
    ConnectionAuthorised,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRequested,
    ConnectionRevoked,
    SyncCompleted,
)
from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentCreated,
    PaymentEdited,
    PaymentFailed,
    PaymentProcessingStarted,
    PaymentReversed,
)
from ledger.events.posting import PostingBooked
from ledger.events.reconciliation import (
    FoundEvent,
)
from ledger.events.transfer import TransferBooked
from ledger.events.webhook_endpoint import WebhookEndpointRegistered, WebhookPingRequested
from projections.known import Known
from projections.log import Logged
from projections.notices import NOTICE, Notice
from projections.projector import Fold, On, Projector
from projections.reconciliation import KINDS

TRANSFER_REVERSED = "TransferReversed"


def note(fold: Fold, logged: Logged[Any], subject: str, **more: str | None) -> None:
    """Take down that something happened to `subject`."""
    notice = Notice(
        position=logged.position,
        kind=type(logged.event).stored_as,
        subject=subject,
        recorded_at=logged.recorded_at,
        **more,
    )
    fold.rows.of(NOTICE).put(notice)


def payment_moved(fold: Fold, logged: Logged[Any]) -> None:
    begun = fold.known.beginning(logged.stream_id, PaymentCreated)
    note(
        fold,
        logged,
        logged.subject,
        user_id=begun.user_id,
        account_id=begun.user_bank_account_id,
        payment_id=logged.subject,
    )


def account_changed(fold: Fold, logged: Logged[Any]) -> None:
    note(fold, logged, logged.subject, **of_account(fold.known, logged))


def entered(fold: Fold, logged: Logged[AccountDebited | AccountCredited]) -> None:
    note(fold, logged, logged.event.entry_id, **of_account(fold.known, logged))


def hold_placed(fold: Fold, logged: Logged[HoldPlaced]) -> None:
    owner, payment_id = of_account(fold.known, logged), logged.event.payment_id
    note(fold, logged, logged.event.hold_id, payment_id=payment_id, **owner)


def hold_moved(fold: Fold, logged: Logged[HoldCaptured | HoldReleased | HoldExpired]) -> None:
    note(fold, logged, logged.event.hold_id, **of_account(fold.known, logged))


def of_account(known: Known, logged: Logged[Any]) -> dict[str, str | None]:
    """Return the account of an event and its owner."""
    return {"user_id": known.account(logged.subject).user_id, "account_id": logged.subject}


def transferred(fold: Fold, logged: Logged[TransferBooked]) -> None:
    event = logged.event
    note(
        fold,
        logged,
        logged.subject,
        user_id=fold.known.account(event.source_account_id).user_id,
        other_user_id=fold.known.account(event.destination_account_id).user_id,
        account_id=event.source_account_id,
    )


def booked(fold: Fold, logged: Logged[PostingBooked]) -> None:
    """Take down that a transfer was undone: its posting names the accounts."""
    accounts = undone_between(logged)
    if not accounts:
        return
    owners = [fold.known.account(each).user_id for each in accounts]
    notice = Notice(
        position=logged.position,
        kind=TRANSFER_REVERSED,
        subject=logged.event.transfer_id or "",
        user_id=owners[0],
        other_user_id=owners[-1],
        account_id=accounts[0],
        recorded_at=logged.recorded_at,
    )
    fold.rows.of(NOTICE).put(notice)


def undone_between(logged: Logged[PostingBooked]) -> list[str]:
    """Return the accounts of a posting that undoes a transfer; none for any other posting."""
    event = logged.event
    if event.reverses_posting_id is None or event.transfer_id is None:
        return []
    return [entry.account_id for entry in event.entries if entry.account_id is not None]


def job_died(fold: Fold, logged: Logged[JobDeadLettered]) -> None:
    details = logged.event.details
    note(fold, logged, str(details["dead_letter_id"]), note=str(details["reason"]))


def pinged(fold: Fold, logged: Logged[WebhookPingRequested]) -> None:
    """Take down that somebody wants to see an endpoint told of something."""
    owner = fold.known.beginning(logged.stream_id, WebhookEndpointRegistered).user_id
    endpoint_id = logged.stream_id.removeprefix("webhook-endpoint-")
    note(fold, logged, endpoint_id, user_id=owner, note=logged.event.delivery_id)


def connected(fold: Fold, logged: Logged[Any]) -> None:
    """Take down what became of a connection."""
    owner = fold.known.beginning(logged.stream_id, ConnectionRequested).user_id
    note(fold, logged, logged.subject, user_id=owner)


def differs(fold: Fold, logged: Logged[FoundEvent]) -> None:
    """Take down that our books and a bank differ; that is staff's to hear."""
    event = logged.event
    note(
        fold,
        logged,
        logged.subject,
        account_id=event.account_id,
        payment_id=getattr(event, "payment_id", None),
        note=KINDS[type(event)],
    )


def announced(fold: Fold, logged: Logged[MaintenanceAnnounced]) -> None:
    note(fold, logged, logged.subject)


def own_stream(logged: Logged[Any]) -> Iterable[str]:
    """Name the stream of an event, whose beginning tells the owner."""
    return (logged.stream_id,)


def both_sides(logged: Logged[TransferBooked]) -> Iterable[str]:
    """Name the accounts of a transfer."""
    event = logged.event
    return f"account-{event.source_account_id}", f"account-{event.destination_account_id}"


def undone_streams(logged: Logged[PostingBooked]) -> Iterable[str]:
    """Name the accounts of a transfer that was undone."""
    return [f"account-{each}" for each in undone_between(logged)]


PAYMENT = On(payment_moved, streams=own_stream)
ACCOUNT = On(account_changed, streams=own_stream)
ENTRY = On(entered, streams=own_stream)
HOLD = On(hold_moved, streams=own_stream)
CONNECTION = On(connected, streams=own_stream)
PROJECTOR = Projector(
    "stream_feed",
    (NOTICE,),
    {
        PaymentCreated: PAYMENT,
        PaymentEdited: PAYMENT,
        PaymentProcessingStarted: PAYMENT,
        PaymentCompleted: PAYMENT,
        PaymentFailed: PAYMENT,
        PaymentCancelled: PAYMENT,
        PaymentReversed: PAYMENT,
        AccountOpened: ACCOUNT,
        AccountRenamed: ACCOUNT,
        AccountLimitsChanged: ACCOUNT,
        AccountCreditLimitChanged: ACCOUNT,
        AccountFrozen: ACCOUNT,
        AccountUnfrozen: ACCOUNT,
        AccountDeactivated: ACCOUNT,
        AccountActivated: ACCOUNT,
        AccountLinked: ACCOUNT,
        AccountUnlinked: ACCOUNT,
        AccountClosedAtBank: ACCOUNT,
        AccountClosed: ACCOUNT,
        AccountDebited: ENTRY,
        AccountCredited: ENTRY,
        HoldPlaced: On(hold_placed, streams=own_stream),
        HoldCaptured: HOLD,
        HoldReleased: HOLD,
        HoldExpired: HOLD,
        TransferBooked: On(transferred, streams=both_sides),
        PostingBooked: On(booked, streams=undone_streams),
        ConnectionAuthorised: CONNECTION,
        ConnectionFailed: CONNECTION,
        ConnectionExpired: CONNECTION,
        ConnectionRevoked: CONNECTION,
        SyncCompleted: CONNECTION,
        **{event: On(differs) for event in KINDS},
        MaintenanceAnnounced: On(announced),
        JobDeadLettered: On(job_died),
        WebhookPingRequested: On(pinged, streams=own_stream),
    },
)
