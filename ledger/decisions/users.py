"""Decisions about users: joining, with credential, data key and claim; ending all sessions."""

from ledger.aggregates import user
from ledger.aggregates.user import Registered
from ledger.commands.user import InvalidateSessions, RegisterUser, SetPasswordHash
from ledger.decisions.view import Claim, View
from ledger.errors import Reason, Refused
from ledger.events.user import AdminJoined
from ledger.policies import access


def register_user(view: View, command: RegisterUser) -> str:
    """Let somebody join under an address that nobody else holds (identity.md §2)."""
    stream = f"user-{command.user_id}"
    if command.role != "user" or command.origin == "admin":
        access.may_grant_roles(view.caller)
    events = user.decide(view.begin(stream), command)
    if not events:
        return stream
    view.take("email", command.email_claim, Claim(command.user_id), Reason.EMAIL_ALREADY_EXISTS)
    view.record(stream, *events)
    if command.role == "admin":
        view.record("roster-admins", *joined(view, command.user_id))
    view.keep("credentials", command.user_id, {"password_hash": command.password_hash})
    keep_principal(view, command.user_id)
    return stream


def joined(view: View, user_id: str) -> list[AdminJoined]:
    """Enter an administrator into the roster, once."""
    known = user_id in view.state("roster-admins").admins
    return [] if known else [AdminJoined(user_id=user_id)]


def invalidate_sessions(view: View, command: InvalidateSessions) -> str:
    """Kill every token of every family of one user."""
    access.may_end_sessions(view.caller, command.user_id)
    stream = f"user-{command.user_id}"
    events = user.decide(view.state(stream), command)
    view.record(stream, *events)
    if events:
        keep_principal(view, command.user_id)
    return stream


def set_password_hash(view: View, command: SetPasswordHash) -> str:
    """Replace the stored hash of an unchanged password; the log has nothing to say about it."""
    stream = f"user-{command.user_id}"
    if not isinstance(view.state(stream), Registered):
        raise Refused(Reason.USER_NOT_FOUND)
    view.keep("credentials", command.user_id, {"password_hash": command.password_hash})
    return stream


def keep_principal(view: View, user_id: str) -> None:
    """Write what every request asks about a user, in the same transaction as the events."""
    state: Registered = view.state(f"user-{user_id}")
    view.keep(
        "principals",
        user_id,
        {"role": state.role, "status": state.status, "session_version": state.session_version},
    )
