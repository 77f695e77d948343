"""A customer's way to a bank and back: state, PKCE, the cookie of the browser (banking.md §3)."""

import base64
import hmac
import secrets
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import msgspec

from api.banking import Banking
from api.call import Call
from ledger.errors import Reason, Refused
from schema import bank_journeys
from schema.bank_journeys import LIFE_SECONDS, Journey

STATE_BYTES, VERIFIER_BYTES = 32, 48


class Traveller(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on the way to which bank, for which connection."""

    connection_id: str
    user_id: str
    provider: str
    username: str | None


class Departure(msgspec.Struct, frozen=True):
    """A way that has begun."""

    url: str


async def depart(call: Call, traveller: Traveller) -> Departure:
    """Begin a way to a bank; its state is good once, for ten minutes."""
    banking, connection_id = call.use(Banking), traveller.connection_id
    state, verifier = token(STATE_BYTES), token(VERIFIER_BYTES)
    sealed = banking.ring.seal(verifier, connection_id)
    await bank_journeys.begin(banking.pool, state, connection_id, traveller.user_id, sealed)
    door = banking.door(traveller.provider)
    return Departure(door.url_of(state, challenge_of(verifier), traveller.username))


async def arrive(call: Call, state: str) -> tuple[Journey, str]:
    """End a way in the browser it began in; return it with its verifier.

    The state is used up whatever follows.
    """
    banking = call.use(Banking)
    journey = await bank_journeys.end(banking.pool, state)
    if journey is None or not is_same_browser(call, state):
        raise Refused(Reason.INVALID_OAUTH_STATE, parameter="state")
    verifier = banking.ring.open(journey.key_id, journey.verifier, journey.connection_id)
    return journey, verifier


def token(size: int) -> str:
    """Return a random text without padding, fit for URLs."""
    return text_of(secrets.token_bytes(size))


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    return text_of(sha256(verifier.encode()).digest())


def text_of(content: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def cookie_name(banking: Banking) -> str:
    """Return the cookie's name; browsers take the prefix over HTTPS only."""
    return "__Host-connect" if banking.secure else "connect"


def cookie_value(banking: Banking, state: str) -> str:
    """Return what only the browser that began a way can know of it."""
    return text_of(hmac.digest(banking.secret, b"connect " + state.encode(), sha256))


def cookie_header(call: Call, url: str) -> tuple[bytes, bytes]:
    """Return the header that binds the way to `url` to the browser that asked."""
    banking = call.use(Banking)
    [state] = parse_qs(urlsplit(url).query)["state"]
    secure = "; Secure" if banking.secure else ""
    value = (
        f"{cookie_name(banking)}={cookie_value(banking, state)}; Path=/; Max-Age={LIFE_SECONDS}"
        f"; HttpOnly{secure}; SameSite=Lax"
    )
    return b"set-cookie", value.encode()


def is_same_browser(call: Call, state: str) -> bool:
    """Say whether the browser that came back is the one that left."""
    banking, told = call.use(Banking), call.header(b"cookie") or ""
    wanted = f"{cookie_name(banking)}={cookie_value(banking, state)}"
    return any(
        hmac.compare_digest(each.strip().encode(), wanted.encode()) for each in told.split(";")
    )
