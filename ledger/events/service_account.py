"""What can have happened to a service account; its key is never among it."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event


class ServiceAccountCreated(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ServiceAccountCreated"
    name: str
    scopes: tuple[str, ...]
    key_prefix: str


class ServiceKeyRotated(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ServiceKeyRotated"
    key_prefix: str


class ServiceAccountDisabled(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ServiceAccountDisabled"


ServiceAccountEvent: TypeAlias = ServiceAccountCreated | ServiceKeyRotated | ServiceAccountDisabled
