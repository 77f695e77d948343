"""Commands about payments: create, validate, edit, start, cancel."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import msgspec

from api.asking import Told, ask, tell_later
from api.call import Call
from api.callers import CUSTOMER
from api.commands.payment_fields import (
    PAYMENT,
    STATE_REASONS,
    TEXTS,
    payment_fields,
    payment_texts,
)
from api.commands.payment_shapes import Validation, show_payment, show_validation
from api.endpoint import Endpoint
from api.preconditions import wait_seconds
from api.reply import Bare
from api.shapes import Payment
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.payment import (
    CancelPayment,
    CreatePayment,
    EditPayment,
    ProcessPayment,
    RehearsePayment,
)
from ledger.errors import Reason
from ledger.identity import derived_id
from ledger.policies.limits import Rules

Current: TypeAlias = Callable[[str], Awaitable[Loaded]]
POLL_SECONDS = 0.02
NOT_TO_BE_CHANGED = (
    Reason.INSUFFICIENT_PERMISSIONS,
    Reason.PAYMENT_NOT_FOUND,
    Reason.ALREADY_PROCESSED,
)
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})


class Watch(msgspec.Struct, frozen=True):
    """Where a route that waits looks: streams as they are now, and how to read their texts."""

    current: Current
    reveal_of: Callable[[Loaded], Awaitable[Reveal]]


async def create_payment(call: Call) -> Bare:
    """Ask for a payment; nothing moves yet."""
    command = CreatePayment(**payment_fields(call))
    told = Told(
        show=show_payment,
        status=201,
        location="/api/payments/{id}",
        metadata={"action": "created"},
    )
    return await ask(call, command, told)


async def validate_payment(call: Call) -> Bare:
    """Say what would become of a payment; nothing is stored."""
    command = RehearsePayment(**payment_fields(call))
    show = partial(show_validation, call.use(Rules))
    told = Told(show=show, metadata={"action": "validated"}, versioned=False)
    return await ask(call, command, told, rehearsed=True)


async def edit_payment(call: Call) -> Bare:
    """Change what a payment says while it is PENDING."""
    payment_id = call.path["id"]
    texts = payment_texts(call, f"payment-{payment_id}")
    command = EditPayment(payment_id=payment_id, **texts)
    return await ask(call, command, Told(show=show_payment, metadata={"action": "updated"}))


async def process_payment(call: Call) -> Bare:
    """Start a payment; wait for its end when the client prefers to."""
    payment_id = call.path["id"]
    metadata = {
        "action": "processing_started",
        "job_id": derived_id("job", "process_payment", payment_id),
        "check_status_url": f"/api/payments/{payment_id}/status",
    }
    told = Told(show=show_payment, status=202, metadata=metadata)
    started = await ask(call, ProcessPayment(payment_id=payment_id), told)
    seconds = wait_seconds(call.headers)
    if seconds is None or started.status >= Reason.INVALID_REQUEST.fact.status:
        return started
    ended = await ended_within(call, payment_id, seconds)
    applied = (b"preference-applied", b"wait=%d" % seconds)
    if ended is None:
        return msgspec.structs.replace(started, headers=(*started.headers, applied))
    told = Told(show=show_payment, metadata={"action": "processed"})
    reveal = await call.use(Watch).reveal_of(ended)
    final = tell_later(call, told, ended, reveal, started)
    return msgspec.structs.replace(final, headers=(*final.headers, applied))


async def ended_within(call: Call, payment_id: str, seconds: int) -> Loaded | None:
    """Return a payment as soon as it has ended, or None when that takes too long."""
    watch, loop = call.use(Watch), asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        loaded = await watch.current(f"payment-{payment_id}")
        if loaded.state.__struct_config__.tag in ENDED:
            return loaded
        if loop.time() >= until:
            return None
        await asyncio.sleep(POLL_SECONDS)


async def cancel_payment(call: Call) -> Bare:
    """Call a payment off while it is PENDING."""
    told = Told(show=show_payment, metadata={"action": "cancelled"})
    return await ask(call, CancelPayment(payment_id=call.path["id"]), told)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/payments",
        handler=create_payment,
        who=CUSTOMER,
        summary="Create a payment",
        tag="Payments",
        body=PAYMENT,
        keyed=True,
        status=201,
        data=Payment,
        reasons=(
            Reason.ACCOUNT_NOT_FOUND,
            Reason.UNAUTHORIZED_ACCESS,
            Reason.SAME_ACCOUNT_TRANSFER,
            Reason.CURRENCY_MISMATCH,
            Reason.AMOUNT_EXCEEDS_LIMIT,
            Reason.RAIL_UNAVAILABLE,
            *STATE_REASONS,
        ),
    ),
    Endpoint(
        method="POST",
        path="/api/payments/validate",
        handler=validate_payment,
        who=CUSTOMER,
        summary="Say whether a payment would pass",
        tag="Payments",
        body=PAYMENT,
        data=Validation,
        reasons=(
            Reason.ACCOUNT_NOT_FOUND,
            Reason.UNAUTHORIZED_ACCESS,
            Reason.SAME_ACCOUNT_TRANSFER,
            Reason.CURRENCY_MISMATCH,
        ),
    ),
    Endpoint(
        method="PUT",
        path="/api/payments/{id}",
        handler=edit_payment,
        who=CUSTOMER,
        summary="Change the texts of a payment that has not started",
        tag="Payments",
        body=TEXTS,
        keyed=True,
        conditional=True,
        data=Payment,
        reasons=(*NOT_TO_BE_CHANGED, Reason.ACCOUNT_SUSPENDED),
    ),
    Endpoint(
        method="POST",
        path="/api/payments/{id}/process",
        handler=process_payment,
        who=CUSTOMER,
        summary="Start a payment",
        tag="Payments",
        keyed=True,
        conditional=True,
        waits=True,
        status=202,
        data=Payment,
        reasons=(
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.CONFIRMATION_REQUIRED,
            Reason.PAYMENT_NOT_FOUND,
            Reason.ALREADY_PROCESSED,
            Reason.DUPLICATE_TRANSACTION,
            Reason.CONNECTION_INACTIVE,
            Reason.AMOUNT_EXCEEDS_LIMIT,
            Reason.INSUFFICIENT_FUNDS,
            Reason.DAILY_LIMIT_EXCEEDED,
            *STATE_REASONS,
        ),
    ),
    Endpoint(
        method="DELETE",
        path="/api/payments/{id}",
        handler=cancel_payment,
        who=CUSTOMER,
        summary="Cancel a payment that has not started",
        tag="Payments",
        keyed=True,
        conditional=True,
        data=Payment,
        reasons=NOT_TO_BE_CHANGED,
    ),
)
