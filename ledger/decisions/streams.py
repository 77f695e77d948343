"""Stream types: what each stream begins as, and how its events move it on."""

from collections.abc import Callable
from typing import Any

import msgspec

from ledger.aggregates import (
    account,
    account_states,
    announcement,
    bank,
    connection_history,
    connection_states,
    discrepancy,
    job,
    journal,
    payment,
    period,
    posting,
    projection,
    quote,
    service_account,
    session,
    user,
    webhook,
    webhook_endpoint,
)


class StreamType(msgspec.Struct, frozen=True):
    """`evolve` takes state, event and the time it was recorded; `states` are all it can return.

    `remembered`: worth keeping in memory after an append, because the next command will ask.
    """

    initial: Any
    evolve: Callable[[Any, Any, str], Any]
    states: Any
    remembered: bool = True


STREAM_TYPES = {
    "user": StreamType(user.UNREGISTERED, user.evolve, user.User),
    "roster": StreamType(user.EMPTY_ROSTER, user.evolve_roster, user.Roster),
    "session": StreamType(session.UNSTARTED, session.evolve, session.Session),
    "service": StreamType(
        service_account.UNCREATED, service_account.evolve, service_account.ServiceAccount
    ),
    "account": StreamType(account_states.UNOPENED, account.evolve, account_states.Account),
    "posting": StreamType(posting.UNBOOKED, posting.evolve, posting.Posting, remembered=False),
    "transfer": StreamType(
        posting.UNTRANSFERRED, posting.evolve_transfer, posting.Transfer, remembered=False
    ),
    "payment": StreamType(payment.UNCREATED, payment.evolve, payment.Payment),
    "bank": StreamType(bank.UNKNOWN, bank.evolve, bank.Bank),
    "connection": StreamType(
        connection_states.UNREQUESTED, connection_history.evolve, connection_states.State
    ),
    "reconciliation": StreamType(
        discrepancy.UNFOUND, discrepancy.evolve, discrepancy.Discrepancy, remembered=False
    ),
    "webhook": StreamType(webhook.UNRECEIVED, webhook.evolve, webhook.Webhook, remembered=False),
    "quote": StreamType(quote.UNISSUED, quote.evolve, quote.Quote),
    "period": StreamType(period.NEVER_CLOSED, period.evolve, period.Period),
    "job": StreamType(job.UNTOUCHED, job.evolve, job.Job),
    "projection": StreamType(projection.UNTOUCHED, projection.evolve, projection.Projection),
    "webhook-endpoint": StreamType(
        webhook_endpoint.UNREGISTERED, webhook_endpoint.evolve, webhook_endpoint.Endpoint
    ),
    "announcement": StreamType(
        announcement.UNMADE, announcement.evolve, announcement.Announcement, remembered=False
    ),
    "audit": StreamType(journal.EMPTY, journal.evolve, journal.Journal),
}

UUID_CHARACTERS = 36


def type_of(stream_id: str) -> str:
    """Return the stream type that a stream's name begins with."""
    if len(stream_id) > UUID_CHARACTERS:
        return stream_id[: -UUID_CHARACTERS - 1]
    return stream_id.partition("-")[0]
