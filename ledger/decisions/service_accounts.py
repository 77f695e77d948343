"""Decisions about service accounts: created, given a new key, disabled (http.md §4.8)."""

from ledger.aggregates import service_account
from ledger.aggregates.service_account import Disabled, ServiceAccount, Uncreated
from ledger.commands.service_account import (
    CreateServiceAccount,
    DisableServiceAccount,
    RotateServiceKey,
)
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.policies import access


def create_service_account(view: View, command: CreateServiceAccount) -> str:
    """Let a machine in, with its first key."""
    access.may_manage_service_accounts(view.caller)
    stream = f"service-{command.service_id}"
    events = service_account.decide(view.begin(stream), command)
    view.record(stream, *events)
    if events:
        keep_key(view, command.service_id, command.key_hash)
    return stream


def rotate_service_key(view: View, command: RotateServiceKey) -> str:
    """Replace a machine's key; the old one is dead in every process at its next request."""
    access.may_manage_service_accounts(view.caller)
    stream = existing(view, command)
    events = service_account.decide(view.state(stream), command)
    view.record(stream, *events)
    if events:
        keep_key(view, command.service_id, command.key_hash)
    return stream


def disable_service_account(view: View, command: DisableServiceAccount) -> str:
    """End a machine for good; its hash stays, so that its key is told apart from a wrong one."""
    access.may_manage_service_accounts(view.caller)
    stream = existing(view, command)
    events = service_account.decide(view.state(stream), command)
    view.record(stream, *events)
    if events:
        keep_key(view, command.service_id, None)
    return stream


def existing(view: View, command: RotateServiceKey | DisableServiceAccount) -> str:
    """Return the stream of a machine that exists, in the version that was expected, or refuse."""
    stream = f"service-{command.service_id}"
    state: ServiceAccount = view.state(stream)
    if isinstance(state, Uncreated):
        raise Refused(Reason.SERVICE_ACCOUNT_NOT_FOUND, field="id")
    view.match_version(stream)
    return stream


def keep_key(view: View, service_id: str, key_hash: bytes | None) -> None:
    """Write what every request asks about a machine; without `key_hash` the old one stays."""
    state = view.state(f"service-{service_id}")
    view.keep(
        "service_keys",
        service_id,
        {
            "key_hash": key_hash,
            "generation": state.generation,
            "scopes": list(state.scopes),
            "status": "DISABLED" if isinstance(state, Disabled) else "ACTIVE",
        },
    )
