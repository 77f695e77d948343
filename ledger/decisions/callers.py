"""Who asks, judged inside the append: the session lives, the user may act (identity.md §5)."""

from ledger.aggregates.service_account import Active, Disabled
from ledger.aggregates.session import Alive
from ledger.aggregates.user import Registered
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.events.recorded import Actor
from ledger.policies.access import ServiceActor


def judge_caller(view: View) -> None:
    """Give the view its caller with the rights of this moment, or refuse a dead token or key."""
    actor, session_id = view.context.actor, view.context.session_id
    if actor.type == "service":
        view.caller = judged_machine(view, actor)
    if actor.type != "user" or session_id is None:
        return
    user = view.state(f"user-{actor.id}")
    if not isinstance(user, Registered):
        raise Refused(Reason.INVALID_TOKEN)
    session = view.state(f"session-{session_id}")
    living = isinstance(session, Alive) and session.user_id == actor.id
    if not (living and user.active and user.session_version == view.context.session_version):
        raise Refused(Reason.TOKEN_REVOKED)
    if user.role != actor.role:
        view.caller = Actor(type="user", id=actor.id, role=user.role)


def judged_machine(view: View, actor: Actor) -> ServiceActor:
    """Return a service account with the scopes it has, or refuse a key that was replaced."""
    account = view.state(f"service-{actor.id}")
    known = isinstance(account, Active | Disabled)
    if not known or account.generation != view.context.session_version:
        raise Refused(Reason.INVALID_TOKEN)
    if isinstance(account, Disabled):
        raise Refused(Reason.TOKEN_REVOKED)
    scopes = frozenset(account.scopes)
    return ServiceActor(type="service", id=actor.id, role="service", scopes=scopes)


def active_owner(view: View, user_id: str) -> bool:
    """Say whether the owner of an account may act (an account of a suspended owner cannot pay)."""
    owner = view.state(f"user-{user_id}")
    return isinstance(owner, Registered) and owner.active
