"""All projections there are."""

from projections import (
    accounts,
    audit_log,
    banks,
    connections,
    holds,
    payments,
    periods,
    postings,
    quotes,
    reconciliation,
    restatements,
    service_accounts,
    sessions,
    stream_feed,
    transactions,
    transfers,
    trial_balance,
    users,
    webhook_endpoints,
)
from projections.projector import Projector

ALL: tuple[Projector, ...] = (
    users.PROJECTOR,
    accounts.PROJECTOR,
    transactions.PROJECTOR,
    payments.PROJECTOR,
    transfers.PROJECTOR,
    holds.PROJECTOR,
    postings.PROJECTOR,
    trial_balance.PROJECTOR,
    banks.PROJECTOR,
    connections.PROJECTOR,
    reconciliation.PROJECTOR,
    sessions.PROJECTOR,
    service_accounts.PROJECTOR,
    quotes.PROJECTOR,
    periods.PROJECTOR,
    restatements.PROJECTOR,
    audit_log.PROJECTOR,
    stream_feed.PROJECTOR,
    webhook_endpoints.PROJECTOR,
)

BY_NAME: dict[str, Projector] = {projector.name: projector for projector in ALL}
