"""A database that is away or full fails every request in one way, so it is said now and then."""

import psycopg
import structlog

from api.seldom import Seldom
from ledger.errors import Reason, Refused

LINE_SECONDS = 10.0
AWAY = Seldom(LINE_SECONDS)
log = structlog.get_logger()


def note_outage(failure: BaseException, route: str) -> None:
    """Write one line for all requests that failed since the last one: what failed, how often."""
    if requests := AWAY.due():
        log.error("database.unavailable", cause=cause_of(failure), route=route, requests=requests)


def note_refusal(refused: Refused, route: str) -> None:
    """Note a refusal that stands for a database that is away; any other one is ordinary."""
    if refused.reason is Reason.SERVICE_UNAVAILABLE and refused.__cause__ is not None:
        note_outage(refused, route)


def cause_of(failure: BaseException) -> str:
    """Name what the database failed with: `PoolTimeout`, `TooManyRequests`, `OperationalError`."""
    found = ""
    cause: BaseException | None = failure
    while cause is not None:
        found = type(cause).__name__
        if isinstance(cause, psycopg.Error):
            return found
        cause = cause.__cause__ or cause.__context__
    return found
