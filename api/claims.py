"""What a token says: its header and claims, taken strictly and in the order they are judged."""

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import msgspec

from ledger.errors import Reason, Refused
from ledger.times import utc_text

CANONICAL_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
REQUIRED = ("sub", "jti", "exp", "iat", "iss", "type")
TIMES = ("exp", "iat", "nbf")
LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z: no time beyond it can be told."""
SESSION_VERSION_MAX = 2**31 - 1


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The header of a token: nothing in it may name a key, or a way to get one."""

    alg: str
    kid: str
    typ: str = "JWT"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says about its bearer, and for how long."""

    sub: str
    jti: str
    sid: str
    sv: int
    iss: Any
    aud: Any
    type: Any
    nbf: int | None
    exp: int

    @property
    def expires_at(self) -> str:
        """Return the end of the token's life as the product writes times."""
        return utc_text(datetime.fromtimestamp(self.exp, UTC))

    def addressed(self) -> "Claims":
        """Return these claims if they can name a user and a session, or refuse."""
        if not CANONICAL_ID.fullmatch(self.sub) or not CANONICAL_ID.fullmatch(self.jti):
            raise Refused(Reason.INVALID_TOKEN)
        if not CANONICAL_ID.fullmatch(self.sid) or not 0 < self.sv <= SESSION_VERSION_MAX:
            raise Refused(Reason.TOKEN_REVOKED)
        return self


def parse_header(token: str) -> Header:
    """Return the header of a token; anything unusual in it is refused."""
    segment = token.partition(".")[0]
    try:
        text = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        header = msgspec.convert(decode_strictly(text), Header)
    except (Error, msgspec.ValidationError) as failure:
        raise Refused(Reason.INVALID_TOKEN) from failure
    if header.typ.upper() != "JWT":
        raise Refused(Reason.INVALID_TOKEN)
    return header


def parse_claims(payload: bytes) -> Claims:
    """Return the claims of a genuine payload: first all there, then all of their kind."""
    claims = decode_strictly(payload)
    missing = [name for name in REQUIRED if claims.get(name) is None]
    if missing:
        raise Refused(Reason.MISSING_REQUIRED_CLAIMS, missing=missing)
    times = [claims[name] for name in TIMES if claims.get(name) is not None]
    texts = [claims["sub"], claims["jti"]]
    if not all(is_time(each) for each in times) or not all(isinstance(each, str) for each in texts):
        raise Refused(Reason.INVALID_TOKEN)
    session_id, session_version = claims.get("sid"), claims.get("sv")
    return Claims(
        sub=claims["sub"],
        jti=claims["jti"],
        sid=session_id if isinstance(session_id, str) else "",
        sv=session_version if type(session_version) is int else 0,
        iss=claims["iss"],
        aud=claims.get("aud"),
        type=claims["type"],
        nbf=claims.get("nbf"),
        exp=claims["exp"],
    )


def is_time(value: Any) -> bool:
    """Say whether a claim is a whole number of seconds; true is no number."""
    return type(value) is int and 0 <= value <= LAST_SECOND


def decode_strictly(payload: bytes) -> dict[str, Any]:
    """Return the JSON object in a segment: no name twice, no number that is none."""
    try:
        claims = json.loads(payload, object_pairs_hook=unique, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as failure:
        raise Refused(Reason.INVALID_TOKEN) from failure
    if not isinstance(claims, dict):
        raise Refused(Reason.INVALID_TOKEN)
    return claims


def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of these members, each named once."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is used twice")
    return members


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(name)
