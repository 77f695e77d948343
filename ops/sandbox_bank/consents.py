"""Consents: what customers allow, and the codes and tokens that stand for it (RFC 6749, 7636)."""

import base64
import hashlib
import hmac

from ops.sandbox_bank.books import Books, Code, Consent, Token
from ops.sandbox_bank.chance import Chance, hashed, now
from ops.sandbox_bank.message import Rejected

CODE_MS = 60_000
REFRESH_MS = 365 * 86_400_000


def give_consent(
    books: Books, chance: Chance, username: str, scope: str, account_ids: list[str] | None
) -> Consent:
    """Record that a customer said yes."""
    moment = now(books)
    consent = Consent(
        id=chance.name(books, "consent"),
        username=username,
        scope=scope,
        given_at=moment,
        expires_at=moment + books.settings.consent_ttl_s * 1000,
        account_ids=account_ids,
    )
    books.consents[consent.id] = consent
    return consent


def issue_code(
    books: Books, chance: Chance, consent: Consent, redirect_uri: str, challenge: str
) -> str:
    """Return a code that is good once, for a minute."""
    code = chance.secret(books, "code")
    books.codes[hashed(code)] = Code(
        consent_id=consent.id,
        redirect_uri=redirect_uri,
        challenge=challenge,
        expires_at=now(books) + CODE_MS,
    )
    return code


def spend_code(books: Books, code: str, redirect_uri: str, verifier: str) -> Consent:
    """Return the consent behind a code. One that comes twice ends what it gave the first time."""
    known = books.codes.get(hashed(code))
    if known is None:
        raise Rejected(400, "invalid_grant", "unknown code")
    if known.used:
        books.consents[known.consent_id].revoked = True
        raise Rejected(400, "invalid_grant", "the code was used before")
    known.used = True
    if known.expires_at <= now(books) or known.redirect_uri != redirect_uri:
        raise Rejected(400, "invalid_grant", "too late, or another redirect_uri")
    if not hmac.compare_digest(challenge_of(verifier), known.challenge):
        raise Rejected(400, "invalid_grant", "the verifier does not fit")
    return books.consents[known.consent_id]


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def issue_tokens(
    books: Books, chance: Chance, consent: Consent, spent: str = ""
) -> dict[str, object]:
    """Return a pair of tokens as the token endpoint tells them; a lasting one that was spent stays.

    Everything else is new.
    """
    moment, settings = now(books), books.settings
    if settings.single_access_token:
        end_tokens(books.access, consent.id, moment)
    access = chance.secret(books, "access")
    life_ms = settings.token_ttl_s * 1000
    books.access[hashed(access)] = Token(consent_id=consent.id, expires_at=moment + life_ms)
    refresh = spent if is_lasting(books, spent) else new_refresh(books, chance, consent)
    return {
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "expires_in": settings.token_ttl_s,
        "scope": consent.scope,
        "user_id": f"user_{consent.username}",
        "consent_expires_in": max(0, (consent.expires_at - moment) // 1000),
    }


def is_lasting(books: Books, refresh: str) -> bool:
    """Say whether a refresh token is good more than once."""
    known = books.refresh.get(hashed(refresh))
    return known is not None and known.lasting


def new_refresh(books: Books, chance: Chance, consent: Consent) -> str:
    """Return a refresh token that is good once."""
    refresh = chance.secret(books, "refresh")
    expires_at = now(books) + REFRESH_MS
    books.refresh[hashed(refresh)] = Token(consent_id=consent.id, expires_at=expires_at)
    return refresh


def end_tokens(tokens: dict[str, Token], consent_id: str, moment: int) -> None:
    """End every token of a consent that is not over yet."""
    for token in tokens.values():
        if token.consent_id == consent_id and token.ended_at is None:
            token.ended_at = moment


def spend_refresh(books: Books, refresh: str) -> Consent:
    """Return the consent behind a refresh token: good once (but for the grace), or lasting."""
    token, moment = books.refresh.get(hashed(refresh)), now(books)
    if token is None or token.expires_at <= moment:
        raise Rejected(400, "invalid_grant", "unknown refresh token")
    grace_ms = books.settings.refresh_grace_s * 1000
    if token.ended_at is not None and moment - token.ended_at >= grace_ms:
        raise Rejected(400, "invalid_grant", "the refresh token was used before")
    consent = books.consents[token.consent_id]
    if not lives(books, consent):
        raise Rejected(400, "invalid_grant", "the consent is gone")
    if not token.lasting:
        token.ended_at = token.ended_at or moment
    return consent


def lives(books: Books, consent: Consent) -> bool:
    """Say whether a consent still allows anything."""
    return not consent.revoked and consent.expires_at > now(books)


def consent_behind(books: Books, authorization: str) -> Consent:
    """Return the consent that a bearer token stands for. Raises `Rejected`."""
    scheme, _, access = authorization.partition(" ")
    token = books.access.get(hashed(access))
    if scheme.lower() != "bearer" or token is None:
        raise Rejected(401, "invalid_token")
    consent = books.consents[token.consent_id]
    if not lives(books, consent):
        raise Rejected(403, "consent_expired")
    if token.ended_at is not None or token.expires_at <= now(books):
        raise Rejected(401, "invalid_token")
    return consent


def revoke(books: Books, token: str) -> None:
    """End a consent by any of its tokens; an unknown one is no matter (RFC 7009)."""
    known = books.access.get(hashed(token)) or books.refresh.get(hashed(token))
    if known is not None:
        books.consents[known.consent_id].revoked = True
