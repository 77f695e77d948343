"""Who calls: a bearer token verified, then judged by what is known of its session right now."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from api.asgi import Headers
from api.callers import API_KEY, Principal, bearer_token
from api.claims import Claims
from api.service_keys import ServiceKeys
from api.tokens import TokenKeys
from ledger.errors import Reason, Refused
from schema.postgres import Pool
from schema.principals import principal_of


class Standing(Protocol):
    """What is known of a user and one of their sessions; `alive` says that both are."""

    @property
    def role(self) -> str:
        """Return the user's role."""

    @property
    def alive(self) -> bool:
        """Say whether the session lives and its user is active."""

    @property
    def session_version(self) -> int:
        """Return the user's session version."""


Remembered: TypeAlias = Callable[[str, str], Standing | None]
"""What this process remembers of a user and a session, by their ids; None when it does not."""


def nothing_remembered(_user_id: str, _session_id: str) -> None:
    """Remember nothing, so that every request asks the database."""


class Authenticator(msgspec.Struct, frozen=True, kw_only=True):
    """Proves who calls. `clock` tells Unix seconds; without `services` no API key is known."""

    tokens: TokenKeys
    pool: Pool
    clock: Callable[[], int]
    remembered: Remembered = nothing_remembered
    services: ServiceKeys | None = None

    async def authenticate(self, headers: Headers, *, fresh: bool = True) -> Principal:
        """Return who calls, or refuse with a reason of set T (http.md §2).

        A command need not be `fresh`: its append judges the session again. What is remembered may
        only admit; before anybody is turned away the database is asked.
        """
        token = bearer_token(headers)
        if self.services is not None and token.startswith(API_KEY):
            return await self.services.principal(token, fresh=fresh)
        claims = self.tokens.verify(token, "access", self.clock())
        if not fresh:
            standing = self.remembered(claims.sub, claims.sid)
            if standing is not None and honours(standing, claims):
                return principal(claims, standing)
        async with self.pool.connection() as connection:
            row = await principal_of(connection, claims.sub, claims.sid)
        if row is None:
            raise Refused(Reason.INVALID_TOKEN)
        if not honours(row, claims):
            raise Refused(Reason.TOKEN_REVOKED)
        return principal(claims, row)


def honours(standing: Standing, claims: Claims) -> bool:
    """Say whether a genuine token still counts."""
    return standing.alive and standing.session_version == claims.sv


def principal(claims: Claims, standing: Standing) -> Principal:
    """Return the caller a token and its standing prove."""
    return Principal(
        kind="user",
        id=claims.sub,
        role=standing.role,
        session_id=claims.sid,
        session_version=claims.sv,
        expires_at=claims.expires_at,
    )
