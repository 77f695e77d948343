"""Bulletins: the names of what webhooks tell of (jobs.md §7), and who may hear them."""

PING = "ping"
EVERYTHING = "*"
BULLETINS: dict[str, tuple[str, ...]] = {
    "PaymentCreated": ("payment.created",),
    "PaymentEdited": ("payment.updated",),
    "PaymentProcessingStarted": ("payment.processing",),
    "PaymentCompleted": ("payment.completed",),
    "PaymentFailed": ("payment.failed",),
    "PaymentCancelled": ("payment.cancelled",),
    "PaymentReversed": ("payment.reversed",),
    "TransferBooked": ("transfer.booked",),
    "TransferReversed": ("transfer.reversed",),
    "AccountDebited": ("transaction.posted", "balance.updated"),
    "AccountCredited": ("transaction.posted", "balance.updated"),
    "HoldPlaced": ("hold.placed", "balance.updated"),
    "HoldCaptured": ("hold.captured",),
    "HoldReleased": ("hold.released", "balance.updated"),
    "HoldExpired": ("hold.expired", "balance.updated"),
    "AccountOpened": ("account.opened",),
    "AccountRenamed": ("account.updated",),
    "AccountLimitsChanged": ("account.updated",),
    "AccountCreditLimitChanged": ("account.updated",),
    "AccountDeactivated": ("account.updated",),
    "AccountActivated": ("account.updated",),
    "AccountFrozen": ("account.frozen",),
    "AccountUnfrozen": ("account.unfrozen",),
    "AccountClosed": ("account.closed",),
}
"""What each event is told as, by its stored name. A capture goes with an entry: the balance."""
OUTSIDE = (
    "connection.authorised",
    "connection.expired",
    "connection.failed",
    "connection.revoked",
    "sync.completed",
    "reconciliation.discrepancy_found",
)
"""What outside banks bring about; no event here tells of it yet."""
NAMES: tuple[str, ...] = (
    *dict.fromkeys(name for names in BULLETINS.values() for name in names),
    *OUTSIDE,
    PING,
)


def told_as(kind: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names under which an event is told to somebody who wants these."""
    names = BULLETINS.get(kind, ())
    return names if EVERYTHING in wanted else tuple(each for each in names if each in wanted)
