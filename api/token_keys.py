"""The keys tokens are signed and verified with, read from their settings once."""

import re
from base64 import b64decode
from hashlib import sha256
from typing import Literal, TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

Algorithm: TypeAlias = Literal["HS256", "EdDSA"]

SECRET_BYTES_MIN, RAW_KEY_BYTES, KID_DIGITS = 32, 32, 16
KID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class UnusableKey(ValueError):
    """A setting does not hold a key of the form it should; the message never shows it."""


class VerifyingKey(msgspec.Struct, frozen=True):
    """A key tokens may be verified with, by one algorithm only."""

    kid: str
    algorithm: Algorithm
    key: bytes | Ed25519PublicKey


class SigningKey(msgspec.Struct, frozen=True):
    """The key new tokens are signed with, and its counterpart."""

    kid: str
    algorithm: Algorithm
    key: bytes | Ed25519PrivateKey
    verifying: VerifyingKey


def signing_key(
    *, secret: str | None = None, private_key: str | None = None, kid: str | None = None
) -> SigningKey:
    """Return the signing key of the settings: an Ed25519 key (PEM) if there is one, else a secret.

    Without `kid` its name follows from the key. Raises `UnusableKey` for a key of the wrong form.
    """
    if private_key is None:
        material = secret_bytes(secret or "")
        name = checked_kid(kid or name_of(material))
        return SigningKey(name, "HS256", material, VerifyingKey(name, "HS256", material))
    pair = private_pem(private_key)
    public = pair.public_key()
    name = checked_kid(kid or name_of(public.public_bytes(Encoding.Raw, PublicFormat.Raw)))
    return SigningKey(name, "EdDSA", pair, VerifyingKey(name, "EdDSA", public))


def verifying_key(setting: str) -> VerifyingKey:
    """Read one `kid:alg:key`: a secret, or an Ed25519 key as PEM or as base64 of its 32 bytes.

    Raises `UnusableKey` for anything else; an empty `kid` is the one that follows from the key.
    """
    kid, algorithm, material = ([*setting.split(":", 2), "", ""])[:3]
    match algorithm:
        case "HS256":
            secret = secret_bytes(material)
            return VerifyingKey(checked_kid(kid or name_of(secret)), "HS256", secret)
        case "EdDSA":
            public = public_key(material)
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            return VerifyingKey(checked_kid(kid or name_of(raw)), "EdDSA", public)
        case _:
            raise UnusableKey("a verifying key is written kid:HS256:secret or kid:EdDSA:key")


def secret_bytes(secret: str) -> bytes:
    """Return the bytes of a secret that is long enough."""
    material = secret.encode()
    if len(material) < SECRET_BYTES_MIN:
        raise UnusableKey(f"a token secret has at least {SECRET_BYTES_MIN} bytes")
    return material


def private_pem(text: str) -> Ed25519PrivateKey:
    """Read an Ed25519 private key."""
    try:
        key = load_pem_private_key(unfolded(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as failure:
        raise UnusableKey("the private key is not a readable PEM") from failure
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableKey("the private key is not an Ed25519 key")
    return key


def public_key(text: str) -> Ed25519PublicKey:
    """Read an Ed25519 key that only has to verify: a public PEM, a private one, or raw bytes."""
    if "PRIVATE KEY" in text:
        return private_pem(text).public_key()
    try:
        if "PUBLIC KEY" in text:
            key = load_pem_public_key(unfolded(text))
        else:
            key = Ed25519PublicKey.from_public_bytes(b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm) as failure:
        raise UnusableKey("the verifying key is not readable") from failure
    if not isinstance(key, Ed25519PublicKey):
        raise UnusableKey("the verifying key is not an Ed25519 key")
    return key


def unfolded(pem: str) -> bytes:
    r"""Return a PEM whose line ends may have been written as `\n` to fit one line."""
    return pem.replace("\\n", "\n").encode()


def checked_kid(kid: str) -> str:
    """Return a key name that fits a token header."""
    if not KID.fullmatch(kid):
        raise UnusableKey("a key id has 1 to 64 characters of A-Z a-z 0-9 . _ -")
    return kid


def name_of(material: bytes) -> str:
    """Return the name that follows from a key; it says nothing about it."""
    return sha256(b"ledgerbank token key" + material).hexdigest()[:KID_DIGITS]
