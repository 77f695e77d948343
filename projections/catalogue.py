"""All projections there are."""

from projections import (
    accounts,
    audit_log,
    banks,
    holds,
    payments,
    postings,
    transactions,
    transfers,
    trial_balance,
    users,
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
    audit_log.PROJECTOR,
)

BY_NAME: dict[str, Projector] = {projector.name: projector for projector in ALL}
