"""Tokens as an attacker would make them: each with the one reason it is refused for."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from api.token_keys import signing_key
from api.tokens import Bearer, TokenKeys
from ledger.errors import Reason
from ledger.identity import new_id

NOW = 1_800_000_000
SECRET = "a secret of this test, long enough for HS256"
BEARER = Bearer(new_id(), new_id(), 3)
PAIR = Ed25519PrivateKey.generate()
PEM = PAIR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_PEM = PAIR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
HMAC_KEY = signing_key(secret=SECRET, kid="hmac")
EDDSA_KEY = signing_key(private_key=PEM, kid="ed")
KEYS = TokenKeys(HMAC_KEY, [EDDSA_KEY.verifying])
CLAIMS = {
    "sub": BEARER.user_id,
    "jti": new_id(),
    "sid": BEARER.session_id,
    "sv": 3,
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 900,
    "iss": "ledger-bank-api",
    "aud": "ledger-bank-api",
    "type": "access",
}
ABSENT = object()


def segment(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: Any, payload: bytes, secret: str = SECRET) -> str:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    text = f"{segment(head)}.{segment(payload)}"
    return f"{text}.{segment(hmac.digest(secret.encode(), text.encode(), sha256))}"


def genuine(**changes: Any) -> str:
    """A token signed under our own key, whatever it says."""
    claims = {name: each for name, each in (CLAIMS | changes).items() if each is not ABSENT}
    return signed({"alg": "HS256", "kid": "hmac", "typ": "JWT"}, json.dumps(claims).encode())


def with_header(**header: Any) -> str:
    fields = {"alg": "HS256", "kid": "hmac", "typ": "JWT"} | header
    kept = {name: each for name, each in fields.items() if each is not ABSENT}
    return signed(kept, json.dumps(CLAIMS).encode())


def with_payload(payload: bytes) -> str:
    return signed({"alg": "HS256", "kid": "hmac", "typ": "JWT"}, payload)


def bits_flipped(token: str) -> str:
    head, payload, signature = token.split(".")
    return f"{head}.{payload}.{('B' if signature[0] == 'A' else 'A') + signature[1:]}"


def claims_swapped(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{segment(json.dumps(CLAIMS | {'sub': new_id()}).encode())}.{signature}"


def other_ending(token: str) -> str:
    """The same signature bytes in another spelling: the last character's spare bits are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def confused() -> str:
    """HMAC under the public text of an EdDSA key."""
    return signed({"alg": "HS256", "kid": "ed"}, json.dumps(CLAIMS).encode(), PUBLIC_PEM.decode())


def elliptic() -> str:
    key = generate_private_key(SECP256R1())
    return jwt.encode(CLAIMS, key, algorithm="ES256", headers={"kid": "hmac"})


GOOD = genuine()
CRAFTED: dict[str, tuple[Callable[[], str], Reason]] = {
    "empty": (lambda: "", Reason.INVALID_TOKEN),
    "no token at all": (lambda: "hello", Reason.INVALID_TOKEN),
    "an api key": (lambda: "lbk_0192_c2VjcmV0", Reason.INVALID_TOKEN),
    "two segments": (lambda: GOOD.rpartition(".")[0], Reason.INVALID_TOKEN),
    "four segments": (lambda: GOOD + ".AAAA", Reason.INVALID_TOKEN),
    "fifty segments": (lambda: ".".join(["AAAA"] * 50), Reason.INVALID_TOKEN),
    "an encrypted token": (lambda: ".".join(["AAAA"] * 5), Reason.INVALID_TOKEN),
    "empty signature": (lambda: GOOD.rpartition(".")[0] + ".", Reason.INVALID_TOKEN),
    "ten megabytes": (lambda: GOOD + "A" * 10_000_000, Reason.INVALID_TOKEN),
    "just over the limit": (lambda: GOOD + "A" * 4_096, Reason.INVALID_TOKEN),
    "not ascii": (lambda: GOOD + "é", Reason.INVALID_TOKEN),
    "line end behind": (lambda: GOOD + "\n", Reason.INVALID_TOKEN),
    "blank inside": (lambda: GOOD.replace(".", " .", 1), Reason.INVALID_TOKEN),
    "padded signature": (lambda: GOOD + "=", Reason.INVALID_TOKEN),
    "padded header": (lambda: GOOD.replace(".", "=.", 1), Reason.INVALID_TOKEN),
    "signature spelled differently": (lambda: other_ending(GOOD), Reason.INVALID_TOKEN),
    "signature changed": (lambda: bits_flipped(GOOD), Reason.INVALID_TOKEN),
    "claims changed": (lambda: claims_swapped(GOOD), Reason.INVALID_TOKEN),
    "another secret": (
        lambda: signed({"alg": "HS256", "kid": "hmac"}, json.dumps(CLAIMS).encode(), "x" * 32),
        Reason.INVALID_TOKEN,
    ),
    "alg none": (lambda: with_header(alg="none"), Reason.INVALID_TOKEN),
    "alg none unsigned": (
        lambda: with_header(alg="none").rpartition(".")[0] + ".",
        Reason.INVALID_TOKEN,
    ),
    "alg NONE": (lambda: with_header(alg="NONE"), Reason.INVALID_TOKEN),
    "alg in lower case": (lambda: with_header(alg="hs256"), Reason.INVALID_TOKEN),
    "alg missing": (lambda: with_header(alg=ABSENT), Reason.INVALID_TOKEN),
    "alg a list": (lambda: with_header(alg=["HS256"]), Reason.INVALID_TOKEN),
    "alg HS512": (lambda: with_header(alg="HS512"), Reason.INVALID_TOKEN),
    "alg of another key": (lambda: with_header(alg="EdDSA"), Reason.INVALID_TOKEN),
    "public key as secret": (confused, Reason.INVALID_TOKEN),
    "elliptic curve": (elliptic, Reason.INVALID_TOKEN),
    "kid unknown": (lambda: with_header(kid="other"), Reason.INVALID_TOKEN),
    "kid missing": (lambda: with_header(kid=ABSENT), Reason.INVALID_TOKEN),
    "kid a number": (lambda: with_header(kid=1), Reason.INVALID_TOKEN),
    "kid a path": (lambda: with_header(kid="../../dev/null"), Reason.INVALID_TOKEN),
    "typ of another protocol": (lambda: with_header(typ="at+jwt"), Reason.INVALID_TOKEN),
    "typ a number": (lambda: with_header(typ=1), Reason.INVALID_TOKEN),
    "jku": (lambda: with_header(jku="https://evil.example/keys"), Reason.INVALID_TOKEN),
    "x5u": (lambda: with_header(x5u="https://evil.example/chain"), Reason.INVALID_TOKEN),
    "jwk": (lambda: with_header(jwk={"kty": "oct", "k": "AAAA"}), Reason.INVALID_TOKEN),
    "crit": (lambda: with_header(crit=["exp"], exp=1), Reason.INVALID_TOKEN),
    "b64 false": (lambda: with_header(b64=False, crit=["b64"]), Reason.INVALID_TOKEN),
    "header twice": (
        lambda: signed(b'{"alg":"none","alg":"HS256","kid":"hmac"}', json.dumps(CLAIMS).encode()),
        Reason.INVALID_TOKEN,
    ),
    "header no object": (
        lambda: signed(b'["HS256"]', json.dumps(CLAIMS).encode()),
        Reason.INVALID_TOKEN,
    ),
    "header no text": (lambda: signed(b"\xff\xfe", b"{}"), Reason.INVALID_TOKEN),
    "payload no json": (lambda: with_payload(b"hello"), Reason.INVALID_TOKEN),
    "payload a list": (lambda: with_payload(b"[]"), Reason.INVALID_TOKEN),
    "payload nested deeply": (lambda: with_payload(b"[" * 2_000), Reason.INVALID_TOKEN),
    "payload no text": (lambda: with_payload(b'{"sub":"\xff"}'), Reason.INVALID_TOKEN),
    "a claim twice": (
        lambda: with_payload(json.dumps(CLAIMS)[:-1].encode() + b',"sub":"x"}'),
        Reason.INVALID_TOKEN,
    ),
    "exp NaN": (lambda: genuine(exp=float("nan")), Reason.INVALID_TOKEN),
    "exp infinite": (lambda: genuine(exp=float("inf")), Reason.INVALID_TOKEN),
    "exp text": (lambda: genuine(exp=str(NOW + 900)), Reason.INVALID_TOKEN),
    "exp a fraction": (lambda: genuine(exp=NOW + 900.5), Reason.INVALID_TOKEN),
    "exp true": (lambda: genuine(exp=True), Reason.INVALID_TOKEN),
    "exp beyond time": (lambda: genuine(exp=10**30), Reason.INVALID_TOKEN),
    "exp of 2000 digits": (lambda: genuine(exp=10**2_000), Reason.INVALID_TOKEN),
    "exp a list": (lambda: genuine(exp=[NOW + 900]), Reason.INVALID_TOKEN),
    "iat text": (lambda: genuine(iat="now"), Reason.INVALID_TOKEN),
    "nbf text": (lambda: genuine(nbf="now"), Reason.INVALID_TOKEN),
    "nbf true": (lambda: genuine(nbf=True), Reason.INVALID_TOKEN),
    "sub a number": (lambda: genuine(sub=7), Reason.INVALID_TOKEN),
    "sub a list": (lambda: genuine(sub=[BEARER.user_id]), Reason.INVALID_TOKEN),
    "sub no id": (lambda: genuine(sub="admin"), Reason.INVALID_TOKEN),
    "sub in capitals": (lambda: genuine(sub=BEARER.user_id.upper()), Reason.INVALID_TOKEN),
    "jti no id": (lambda: genuine(jti="1"), Reason.INVALID_TOKEN),
    "jti a number": (lambda: genuine(jti=1), Reason.INVALID_TOKEN),
    "no sub": (lambda: genuine(sub=ABSENT), Reason.MISSING_REQUIRED_CLAIMS),
    "sub null": (lambda: genuine(sub=None), Reason.MISSING_REQUIRED_CLAIMS),
    "no jti": (lambda: genuine(jti=ABSENT), Reason.MISSING_REQUIRED_CLAIMS),
    "no exp": (lambda: genuine(exp=ABSENT), Reason.MISSING_REQUIRED_CLAIMS),
    "no iat": (lambda: genuine(iat=ABSENT), Reason.MISSING_REQUIRED_CLAIMS),
    "no iss": (lambda: genuine(iss=ABSENT), Reason.MISSING_REQUIRED_CLAIMS),
    "no type": (lambda: genuine(type=ABSENT), Reason.MISSING_REQUIRED_CLAIMS),
    "no claims": (lambda: with_payload(b"{}"), Reason.MISSING_REQUIRED_CLAIMS),
    "a refresh token": (lambda: genuine(type="refresh"), Reason.INVALID_TOKEN_TYPE),
    "type of our own": (lambda: genuine(type="webhook"), Reason.INVALID_TOKEN_TYPE),
    "type a list": (lambda: genuine(type=["access"]), Reason.INVALID_TOKEN_TYPE),
    "another issuer": (lambda: genuine(iss="evil"), Reason.INVALID_ISSUER),
    "issuer a list": (lambda: genuine(iss=["ledger-bank-api"]), Reason.INVALID_ISSUER),
    "another audience": (lambda: genuine(aud="evil"), Reason.INVALID_AUDIENCE),
    "audience a list": (lambda: genuine(aud=["ledger-bank-api"]), Reason.INVALID_AUDIENCE),
    "no audience": (lambda: genuine(aud=ABSENT), Reason.INVALID_AUDIENCE),
    "not yet": (lambda: genuine(nbf=NOW + 6), Reason.TOKEN_NOT_YET_VALID),
    "over": (lambda: genuine(exp=NOW), Reason.TOKEN_EXPIRED),
    "long over": (lambda: genuine(exp=0), Reason.TOKEN_EXPIRED),
    "no session": (lambda: genuine(sid=ABSENT), Reason.TOKEN_REVOKED),
    "session no id": (lambda: genuine(sid="x"), Reason.TOKEN_REVOKED),
    "no session version": (lambda: genuine(sv=ABSENT), Reason.TOKEN_REVOKED),
    "session version true": (lambda: genuine(sv=True), Reason.TOKEN_REVOKED),
    "session version huge": (lambda: genuine(sv=2**31), Reason.TOKEN_REVOKED),
}
ORDERED: dict[str, tuple[dict[str, Any], Reason]] = {
    "missing before ill-typed": ({"jti": ABSENT, "exp": "x"}, Reason.MISSING_REQUIRED_CLAIMS),
    "ill-typed before type": ({"exp": "x", "type": "refresh"}, Reason.INVALID_TOKEN),
    "type before issuer": ({"type": "refresh", "iss": "x"}, Reason.INVALID_TOKEN_TYPE),
    "issuer before audience": ({"iss": "x", "aud": "x"}, Reason.INVALID_ISSUER),
    "audience before time": ({"aud": "x", "exp": 1}, Reason.INVALID_AUDIENCE),
    "not yet before over": ({"nbf": NOW + 60, "exp": 1}, Reason.TOKEN_NOT_YET_VALID),
    "over before unknown": ({"exp": 1, "sub": "x"}, Reason.TOKEN_EXPIRED),
    "unknown before session": ({"sub": "x", "sid": "x"}, Reason.INVALID_TOKEN),
}
