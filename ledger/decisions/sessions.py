"""Decisions about sessions: start, refresh with reuse detection, logout (identity.md §6)."""

from ledger.aggregates import session
from ledger.aggregates.session import Alive, Ended
from ledger.aggregates.user import Registered
from ledger.commands.session import CloseSession, EndSession, RefreshSession, StartSession
from ledger.decisions.callers import active_owner
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.policies.access import owns


def start_session(view: View, command: StartSession) -> str:
    """Open a token family for an active user."""
    if not active_owner(view, command.user_id):
        raise Refused(Reason.ACCOUNT_INACTIVE)
    stream = f"session-{command.session_id}"
    view.record(stream, *session.decide(view.begin(stream), command))
    keep_session(view, stream)
    return stream


def exchange(view: View, command: RefreshSession | EndSession) -> str | Refused:
    """Refresh or end the family of a refresh token; a token already replaced kills the family."""
    stream = f"session-{command.session_id}"
    state = view.state(stream)
    if isinstance(state, Alive):
        refuse_outdated(view, state, command)
    events = session.decide(state, command)
    view.record(stream, *events)
    keep_session(view, stream)
    ended = view.state(stream)
    if isinstance(ended, Ended) and ended.cause == "reuse":
        return Refused(Reason.TOKEN_REVOKED)
    return stream


def close_session(view: View, command: CloseSession) -> str:
    """End one of the caller's own families; a stranger's does not exist for them."""
    stream = f"session-{command.session_id}"
    state = view.state(stream)
    if isinstance(state, Alive) and not owns(view.caller, (state.user_id,)):
        raise Refused(Reason.SESSION_NOT_FOUND, field="id")
    view.record(stream, *session.decide(state, command))
    keep_session(view, stream)
    return stream


def refuse_outdated(view: View, state: Alive, command: RefreshSession | EndSession) -> None:
    """Refuse a token whose user changed hands, was invalidated, or may no longer act."""
    user = view.state(f"user-{command.user_id}")
    same = state.user_id == command.user_id and isinstance(user, Registered)
    if not (same and user.active and user.session_version == command.session_version):
        raise Refused(Reason.TOKEN_REVOKED)


def keep_session(view: View, stream: str) -> None:
    """Write what every request asks about a session, in the same transaction as the events."""
    state: Alive | Ended = view.state(stream)
    view.keep(
        "session_state",
        state.session_id,
        {
            "user_id": state.user_id,
            "jti": state.jti,
            "alive": isinstance(state, Alive),
            "expires_at": state.expires_at,
        },
    )
