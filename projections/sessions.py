"""Sessions: where somebody is signed in. Addresses and programs stay sealed under their key."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from ledger.events.session import SessionEnded, SessionRefreshed, SessionStarted
from ledger.events.user import UserSessionsInvalidated
from projections.filters import identity
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Session(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One token family. `ip` and `user_agent` are ciphertexts under data key `kid`.

    `position` is that of its start; `used_at` is the sign-in or the newest refresh.
    """

    id: str
    user_id: str
    kid: str | None
    ip: str | None
    user_agent: str | None
    expires_at: str
    position: int
    started_at: str
    used_at: str


class SessionsEnd(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a user started before this position is over."""

    user_id: str
    position: int


SESSION = Table("sessions", Session)
END = Table("session_ends", SessionsEnd)


def started(fold: Fold, logged: Logged[SessionStarted]) -> None:
    event = logged.event
    sealed = event.ip or event.user_agent
    session = Session(
        id=event.session_id,
        user_id=event.user_id,
        kid=None if sealed is None else sealed.kid,
        ip=None if event.ip is None else event.ip.enc,
        user_agent=None if event.user_agent is None else event.user_agent.enc,
        expires_at=event.expires_at,
        position=logged.position,
        started_at=logged.recorded_at,
        used_at=logged.recorded_at,
    )
    fold.rows.of(SESSION).put(session)


def refreshed(fold: Fold, logged: Logged[SessionRefreshed]) -> None:
    sessions = fold.rows.of(SESSION)
    session = sessions.get(logged.subject)
    sessions.put(replace(session, expires_at=logged.event.expires_at, used_at=logged.recorded_at))


def ended(fold: Fold, logged: Logged[SessionEnded]) -> None:
    fold.rows.of(SESSION).drop(logged.subject)


def all_ended(fold: Fold, logged: Logged[UserSessionsInvalidated]) -> None:
    end = SessionsEnd(user_id=logged.subject, position=logged.position)
    fold.rows.of(END).put(end)


def session_of(logged: Logged[SessionRefreshed | SessionEnded]) -> Iterable[Key]:
    """Name the session that `logged` happened to."""
    return ((SESSION, logged.subject),)


def end_of(logged: Logged[UserSessionsInvalidated]) -> Iterable[Key]:
    """Name the row of the user whose sessions ended."""
    return ((END, logged.subject),)


PROJECTOR = Projector(
    "sessions",
    (SESSION, END),
    {
        SessionStarted: On(started),
        SessionRefreshed: On(refreshed, session_of),
        SessionEnded: On(ended, session_of),
        UserSessionsInvalidated: On(all_ended, end_of),
    },
)


async def page(pool: Pool, wanted: Wanted, now: str) -> Page:
    """Return the sessions, alive at `now`, of the user that `wanted` is fixed to."""
    return await fetch_page(pool, LISTING, wanted, None, {"now": now})


LISTING = Listing(
    name="sessions",
    table="read.sessions",
    shape="id, kid, ip, user_agent, expires_at, started_at, used_at AS last_used_at",
    filters=(identity("user_id"),),
    sorts={
        "inserted_at": Sort("started_at"),
        "started_at": Sort("started_at"),
        "last_used_at": Sort("used_at"),
        "expires_at": Sort("expires_at"),
    },
    hidden="""(expires_at > %(now)s AND NOT EXISTS (
    SELECT FROM read.session_ends AS e
    WHERE e.user_id = sessions.user_id AND e.position > sessions.position
))""",
)
