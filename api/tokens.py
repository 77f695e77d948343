"""Tokens: issued under one signing key, verified step by step in the order of identity.md §5.

A token proves who signed in, in which session; whether that still counts is asked elsewhere,
for every request, so nothing here can outlive a revocation.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Literal, TypeAlias

import jwt
import msgspec

from api.claims import Claims, parse_claims, parse_header
from api.token_keys import SigningKey, VerifyingKey
from ledger.errors import Reason, Refused
from ledger.identity import new_id

TokenType: TypeAlias = Literal["access", "refresh"]

TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""Three unpadded segments; PyJWT would also take padded ones, a second form of the same token."""
TOKEN_LENGTH_MAX = 4_096
CACHED_SECONDS, CACHED_TOKENS = 60, 10_000
LEEWAY_SECONDS = 5


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Who issues tokens, for whom, and for how many seconds."""

    issuer: str = "ledger-bank-api"
    audience: str = "ledger-bank-api"
    access_seconds: int = 900
    refresh_seconds: int = 604_800


class Bearer(msgspec.Struct, frozen=True):
    """Whom a token speaks for: a user, one of their sessions, their session version."""

    user_id: str
    session_id: str
    session_version: int


class TokenKeys:
    """Issues tokens under one key and verifies those of all it knows; times are Unix seconds."""

    def __init__(
        self, signing: SigningKey, previous: Iterable[VerifyingKey] = (), terms: Terms | None = None
    ) -> None:
        self.signing = signing
        self.terms = terms or Terms()
        self.seconds = {
            "access": self.terms.access_seconds,
            "refresh": self.terms.refresh_seconds,
        }
        self.verifying = {key.kid: key for key in (*previous, signing.verifying)}
        self.jws = jwt.PyJWS(algorithms=["HS256", "EdDSA"])
        self.verified: dict[bytes, tuple[Claims, int]] = {}

    def issue_access(self, bearer: Bearer, now: int) -> str:
        """Return an access token for `bearer`."""
        return self.issue("access", bearer, new_id(), now)

    def issue_refresh(self, bearer: Bearer, jti: str, now: int) -> str:
        """Return the refresh token whose id the session knows as `jti`."""
        return self.issue("refresh", bearer, jti, now)

    def issue(self, token_type: TokenType, bearer: Bearer, jti: str, now: int) -> str:
        """Return a signed token."""
        payload = {
            "sub": bearer.user_id,
            "jti": jti,
            "sid": bearer.session_id,
            "sv": bearer.session_version,
            "iat": now,
            "nbf": now,
            "exp": now + self.seconds[token_type],
            "iss": self.terms.issuer,
            "aud": self.terms.audience,
            "type": token_type,
        }
        return self.jws.encode(
            msgspec.json.encode(payload),
            self.signing.key,
            self.signing.algorithm,
            headers={"kid": self.signing.kid},
        )

    def verify(self, token: str, token_type: TokenType, now: int) -> Claims:
        """Return what a genuine, current token of this type says, or refuse with the first reason.

        Genuine tokens are remembered for a minute at most, by their hash.
        """
        if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
            raise Refused(Reason.INVALID_TOKEN)
        digest = sha256(token.encode()).digest()
        known = self.verified.get(digest)
        if known is not None and known[1] > now and known[0].type == token_type:
            return known[0]
        claims = self.judged(self.genuine(token), token_type, now)
        self.remember(digest, claims, now)
        return claims

    def genuine(self, token: str) -> bytes:
        """Return the payload of a well-formed token signed under a key we know."""
        if not TOKEN.fullmatch(token):
            raise Refused(Reason.INVALID_TOKEN)
        header = parse_header(token)
        key = self.verifying.get(header.kid)
        if key is None or header.alg != key.algorithm:
            raise Refused(Reason.INVALID_TOKEN)
        try:
            decoded = self.jws.decode_complete(token, key.key, algorithms=[key.algorithm])
        except jwt.InvalidTokenError as failure:
            raise Refused(Reason.INVALID_TOKEN) from failure
        payload: bytes = decoded["payload"]
        return payload

    def judged(self, payload: bytes, token_type: TokenType, now: int) -> Claims:
        """Return the claims of a payload that hold for us and for this moment."""
        claims = parse_claims(payload)
        if claims.type != token_type:
            raise Refused(Reason.INVALID_TOKEN_TYPE, expected=token_type)
        if claims.iss != self.terms.issuer:
            raise Refused(Reason.INVALID_ISSUER)
        if claims.aud != self.terms.audience:
            raise Refused(Reason.INVALID_AUDIENCE)
        if claims.nbf is not None and claims.nbf > now + LEEWAY_SECONDS:
            raise Refused(Reason.TOKEN_NOT_YET_VALID)
        if claims.exp <= now:
            raise Refused(Reason.TOKEN_EXPIRED, expired_at=claims.expires_at)
        return claims.addressed()

    def remember(self, digest: bytes, claims: Claims, now: int) -> None:
        """Spare the next request the signature; the oldest makes room."""
        while len(self.verified) >= CACHED_TOKENS:
            del self.verified[next(iter(self.verified))]
        self.verified[digest] = (claims, min(claims.exp, now + CACHED_SECONDS))
