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
    "AccountLinked": ("account.updated",),
    "AccountUnlinked": ("account.updated",),
    "AccountClosedAtBank": ("account.updated",),
    "AccountClosed": ("account.closed",),
    "ConnectionAuthorised": ("connection.authorised",),
    "ConnectionExpired": ("connection.expired",),
    "ConnectionFailed": ("connection.failed",),
    "ConnectionRevoked": ("connection.revoked",),
    "SyncCompleted": ("sync.completed",),
    "BalanceDiscrepancyFound": ("reconciliation.discrepancy_found",),
    "LateSettlementFound": ("reconciliation.discrepancy_found",),
    "AmountMismatchFound": ("reconciliation.discrepancy_found",),
    "PaymentMissingAtBank": ("reconciliation.discrepancy_found",),
}
"""What each event is told as, by its stored name. A capture goes with an entry: the balance."""
NAMES: tuple[str, ...] = (
    *dict.fromkeys(name for names in BULLETINS.values() for name in names),
    PING,
)


def told_as(kind: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names under which an event is told to somebody who wants these."""
    names = BULLETINS.get(kind, ())
    return names if EVERYTHING in wanted else tuple(each for each in names if each in wanted)
