"""Service account: a machine with scopes and one key that counts (identity.md §6)."""

from typing import TypeAlias

import msgspec

from ledger.commands.service_account import (
    CreateServiceAccount,
    DisableServiceAccount,
    RotateServiceKey,
)
from ledger.errors import Reason, Refused
from ledger.events.service_account import (
    ServiceAccountCreated,
    ServiceAccountDisabled,
    ServiceAccountEvent,
    ServiceKeyRotated,
)

ServiceAccountCommand: TypeAlias = CreateServiceAccount | RotateServiceKey | DisableServiceAccount


class Uncreated(msgspec.Struct, frozen=True, tag="uncreated"):
    """No machine goes by this id."""


class Active(msgspec.Struct, frozen=True, tag="active"):
    """It may act within its scopes, with the key of this `generation`: the first is 1."""

    name: str
    scopes: tuple[str, ...]
    key_prefix: str
    generation: int = 1


class Disabled(msgspec.Struct, frozen=True, tag="disabled"):
    """It may do nothing any more."""

    name: str
    scopes: tuple[str, ...]
    key_prefix: str
    generation: int


ServiceAccount: TypeAlias = Uncreated | Active | Disabled
UNCREATED = Uncreated()


def decide(account: ServiceAccount, command: ServiceAccountCommand) -> list[ServiceAccountEvent]:
    """Answer every command in every state; no answer means nothing to record."""
    match account, command:
        case Uncreated(), CreateServiceAccount():
            return [created(command)]
        case Uncreated(), _:
            raise Refused(Reason.SERVICE_ACCOUNT_NOT_FOUND, field="id")
        case Disabled(), RotateServiceKey():
            raise Refused(Reason.SERVICE_ACCOUNT_NOT_FOUND, field="id", status="DISABLED")
        case Disabled(), _:
            return []
        case Active(), CreateServiceAccount():
            return []
        case Active(), RotateServiceKey(key_prefix=prefix) if prefix == account.key_prefix:
            return []
        case Active(), RotateServiceKey(key_prefix=prefix):
            return [ServiceKeyRotated(key_prefix=prefix)]
        case Active(), DisableServiceAccount():
            return [ServiceAccountDisabled()]


def created(command: CreateServiceAccount) -> ServiceAccountCreated:
    """Tell which machine was let in."""
    return ServiceAccountCreated(
        name=command.name, scopes=command.scopes, key_prefix=command.key_prefix
    )


def evolve(account: ServiceAccount, event: ServiceAccountEvent, _at: str) -> ServiceAccount:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match account, event:
        case Uncreated(), ServiceAccountCreated():
            return Active(event.name, event.scopes, event.key_prefix)
        case Uncreated(), _:
            raise AssertionError("a service account is created before anything else")
        case Active() | Disabled(), ServiceAccountCreated():
            raise AssertionError("a service account is created once")
        case Active() | Disabled(), ServiceKeyRotated(key_prefix=prefix):
            generation = account.generation + 1
            return msgspec.structs.replace(account, key_prefix=prefix, generation=generation)
        case Active() | Disabled(), ServiceAccountDisabled():
            return Disabled(account.name, account.scopes, account.key_prefix, account.generation)
