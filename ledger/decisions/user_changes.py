"""Decisions about people who are there: changed fields, rights, password, deletion."""

from msgspec.structs import asdict

from ledger.aggregates import user
from ledger.aggregates.user import Registered, Standing
from ledger.commands.session import StartSession
from ledger.commands.user import (
    ChangeRole,
    DeleteUser,
    ReactivateUser,
    SetPassword,
    SuspendUser,
    UpdateProfile,
    UpdateUser,
)
from ledger.decisions.sessions import start_session
from ledger.decisions.users import joined, keep_principal
from ledger.decisions.view import Claim, View
from ledger.errors import Reason, Refused
from ledger.events.event import sealed
from ledger.events.user import AdminLeft, UserEmailChanged, UserEvent, UserRenamed
from ledger.policies import access

ROSTER = "roster-admins"


def update_user(view: View, command: UpdateUser) -> str:
    """Change a person as staff: every field that identity.md §8.1 allows, or nothing at all."""
    person = living(view, command.user_id)
    access.may_update_user(view.caller, person.role, given_fields(command))
    wanted = Standing(role=command.role, status=command.status, verified=command.verified)
    return change(view, person, command, wanted)


def update_profile(view: View, command: UpdateProfile) -> str:
    """Change oneself; a field that is not one's own to change voids the whole wish."""
    person = living(view, command.user_id)
    access.may_update_profile(view.caller, command.user_id, given_fields(command))
    return change(view, person, command, Standing(role=command.role, status=command.status))


def change_role(view: View, command: ChangeRole) -> str:
    """Give a person another role."""
    return change_rights(view, command.user_id, Standing(role=command.role))


def suspend_user(view: View, command: SuspendUser) -> str:
    """Keep a person out."""
    wanted = Standing(status="SUSPENDED", reason=command.reason)
    return change_rights(view, command.user_id, wanted)


def reactivate_user(view: View, command: ReactivateUser) -> str:
    """Let a person in again."""
    return change_rights(view, command.user_id, Standing(status="ACTIVE"))


def change_rights(view: View, user_id: str, wanted: Standing) -> str:
    """Change what a person may do, and nothing else."""
    person = living(view, user_id)
    access.may_change_standing(view.caller)
    return change(view, person, UpdateUser(user_id=user_id), wanted)


def change(
    view: View, person: Registered, command: UpdateUser | UpdateProfile, wanted: Standing
) -> str:
    """Record what is new about a person, on the roster and beside the log too."""
    stream = f"user-{person.user_id}"
    view.match_version(stream)
    events = [*known_as(view, person, command), *user.change_standing(person, wanted)]
    view.record(stream, *events)
    after: Registered = view.state(stream)
    keep_roster(view, person, after)
    if (person.role, person.status) != (after.role, after.status):
        keep_principal(view, person.user_id)
    return stream


def known_as(
    view: View, person: Registered, command: UpdateUser | UpdateProfile
) -> list[UserEvent]:
    """Tell a new address, which nobody else may hold, and a new name."""
    events: list[UserEvent] = []
    if command.email is not None and command.email_claim is not None:
        held = address_claim(view, person)
        if command.email_claim != held:
            claim = Claim(person.user_id)
            view.take("email", command.email_claim, claim, Reason.EMAIL_ALREADY_EXISTS)
            view.release("email", held, person.user_id)
            events.append(UserEmailChanged(email=sealed(command.email)))
    if command.full_name is not None:
        full_name = sealed(command.full_name)
        if view.reveal(full_name) != view.reveal(person.full_name):
            events.append(UserRenamed(full_name=full_name))
    return events


def set_password(view: View, command: SetPassword) -> str:
    """Replace one's password: all sessions end, and a fresh one begins in the same append."""
    stream, person = f"user-{command.user_id}", living(view, command.user_id)
    access.may_set_password(view.caller, command.user_id)
    view.record(stream, *user.decide(person, command))
    view.keep("credentials", command.user_id, {"password_hash": command.password_hash})
    keep_principal(view, command.user_id)
    fields = asdict(command)
    start_session(view, StartSession(**{name: fields[name] for name in SESSION_FIELDS}))
    return stream


def delete_user(view: View, command: DeleteUser) -> str:
    """Erase a person: address, credential and data key go with the event (identity.md §7)."""
    stream, person = f"user-{command.user_id}", living(view, command.user_id)
    access.may_delete_user(view.caller, command.user_id)
    view.match_version(stream)
    view.release("email", address_claim(view, person), command.user_id)
    view.record(stream, *user.decide(person, command))
    keep_roster(view, person, view.state(stream))
    keep_principal(view, command.user_id)
    view.drop("credentials", command.user_id)
    view.drop("data_keys", person.email.kid)
    return stream


def living(view: View, user_id: str) -> Registered:
    """Return somebody who has not been deleted, or refuse."""
    state = view.state(f"user-{user_id}")
    if not isinstance(state, Registered) or state.status == "DELETED":
        raise Refused(Reason.USER_NOT_FOUND, user_id=user_id)
    return state


def address_claim(view: View, person: Registered) -> str:
    """Return the keyed hash that a person's address is claimed by."""
    return view.digest(view.reveal(person.email) or "")


def given_fields(command: UpdateUser | UpdateProfile) -> set[str]:
    """Name the fields that a command is to change."""
    return {name for name, value in asdict(command).items() if value is not None}


def keep_roster(view: View, before: Registered, after: Registered) -> None:
    """Enter or strike out an administrator; the last one stays (I-15)."""
    if after.administers and not before.administers:
        view.record(ROSTER, *joined(view, after.user_id))
    if after.administers or not before.administers:
        return
    if not view.state(ROSTER).admins - {after.user_id}:
        raise Refused(Reason.LAST_ADMIN)
    view.record(ROSTER, AdminLeft(user_id=after.user_id, cause=why_left(before, after)))


def why_left(before: Registered, after: Registered) -> str:
    """Say why somebody is no administrator any more."""
    if after.status == "DELETED":
        return "deleted"
    return "role_changed" if before.role != after.role else "suspended"


SESSION_FIELDS = StartSession.__struct_fields__
