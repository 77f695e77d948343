"""Who calls, and who may: principals, and the groups a route is open to."""

from typing import Literal, Protocol

import msgspec

from api.asgi import Headers
from ledger.errors import Reason, Refused
from ledger.events.recorded import Actor
from ledger.policies.access import ServiceActor


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request, as proven by the bearer token it carries.

    `role` is user, support, admin or auditor for a human and `service` for a service account,
    whose `session_version` is the generation of its key.
    """

    kind: Literal["user", "service", "anonymous"]
    id: str | None = None
    role: str | None = None
    session_id: str | None = None
    session_version: int | None = None
    expires_at: str | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def actor(self) -> Actor:
        """Return the caller as policies and commands know them."""
        if self.kind == "service":
            return ServiceActor(type=self.kind, id=self.id, role=self.role, scopes=self.scopes)
        return Actor(type=self.kind, id=self.id, role=self.role)


ANONYMOUS = Principal(kind="anonymous")
API_KEY = "lbk_"
"""How every API key begins."""


class Authenticate(Protocol):
    """Proves who calls from the headers of a request, or refuses with a reason of set T.

    Without `fresh` what this process remembers may admit: a command is judged again when it is
    appended.
    """

    async def __call__(self, headers: Headers, *, fresh: bool = True) -> Principal:
        """Return who calls."""


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a route is open to: roles, and services with one of the scopes.

    An `anonymous` route asks nobody who they are; one for `people_only` still refuses API keys.
    """

    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    any_service: bool = False
    anonymous: bool = False
    people_only: bool = False

    def or_service(self, *scopes: str) -> "Who":
        """Open the route to services too: with one of `scopes`, or to all when none is named."""
        return Who(roles=self.roles, scopes=frozenset(scopes), any_service=not scopes)

    def admits(self, principal: Principal) -> bool:
        """Return whether the route is open to `principal`."""
        if principal.kind == "service":
            return self.any_service or not self.scopes.isdisjoint(principal.scopes)
        return principal.role in self.roles

    def required(self) -> list[str]:
        """Return the groups the route is open to, for the one who is not in them."""
        scopes = sorted(f"service:{scope}" for scope in self.scopes)
        return sorted(self.roles) + (["service"] if self.any_service else scopes)


ANYONE = Who(anonymous=True)
VISITOR = Who(anonymous=True, people_only=True)
"""Whoever has yet to sign in: a service account never does (identity.md §8)."""
HUMAN = Who(roles=frozenset({"user", "support", "admin", "auditor"}))
CUSTOMER = Who(roles=frozenset({"user", "support", "admin"}))
"""Human except auditor: whoever may hold accounts and move money."""
READER = Who(roles=frozenset({"support", "admin", "auditor"}))
STAFF = Who(roles=frozenset({"support", "admin"}))
INSPECTOR = Who(roles=frozenset({"admin", "auditor"}))
ADMIN = Who(roles=frozenset({"admin"}))


def bearer_token(headers: Headers) -> str:
    """Return the bearer token of a request, or refuse: missing, or another scheme."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        raise Refused(Reason.INVALID_TOKEN)
    return token.strip().decode("latin-1")


def refuse_machine(headers: Headers) -> None:
    """Refuse whoever brings an API key to a route that is for people."""
    _, _, token = headers.get(b"authorization", b"").partition(b" ")
    if token.strip().startswith(API_KEY.encode()):
        raise Refused(
            Reason.INSUFFICIENT_PERMISSIONS, role="service", required_roles=sorted(HUMAN.roles)
        )


async def nobody(headers: Headers, *, fresh: bool = True) -> Principal:  # noqa: ARG001  # refuses whatever it is told
    """Prove nothing: the edge of an application without identities."""
    raise Refused(Reason.INVALID_TOKEN)
