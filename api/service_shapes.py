"""Service accounts as they go over the wire (http.md §3)."""

from typing import Literal, TypeAlias

from api.shapes import Id, Shape, Time

Scope: TypeAlias = Literal[
    "transfers:write", "holds:write", "accounts:read", "accounts:write", "ledger:read"
]


class ServiceAccount(Shape, frozen=True):
    """A machine that may act within its scopes."""

    id: Id
    name: str
    scopes: list[Scope]
    status: Literal["ACTIVE", "DISABLED"]
    key_prefix: str
    last_used_at: Time | None
    version: int
    inserted_at: Time
    updated_at: Time


class KeyedServiceAccount(ServiceAccount, frozen=True):
    """The same with its new key, shown this once; null when the answer is repeated."""

    api_key: str | None
