"""How keys and secrets are read: by their stated form, never repeated in a message."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from pathlib import Path

from api.token_keys import UnusableKey, VerifyingKey, private_pem, verifying_key

KEY_BYTES = 32
KID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def at_least(size: int) -> Callable[[str], str]:
    """Read a secret of `size` bytes or more."""

    def read(raw: str) -> str:
        if len(raw.encode()) < size:
            raise ValueError(f"must have at least {size} bytes")
        return raw

    return read


def symmetric_key(raw: str) -> bytes:
    """Read a key of 32 bytes in base64."""
    try:
        key = b64decode(raw, validate=True)
    except (Error, ValueError) as failure:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64") from failure
    if len(key) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64")
    return key


def key_ring(raw: str) -> dict[str, bytes]:
    """Read `kid:base64,…`; the first key is the active one."""
    keys: dict[str, bytes] = {}
    for item in filter(None, (part.strip() for part in raw.split(","))):
        kid, _, key = item.partition(":")
        if not KID.fullmatch(kid) or kid in keys:
            raise ValueError("must list kid:base64 with a different key id each")
        keys[kid] = symmetric_key(key)
    if not keys:
        raise ValueError("must hold at least one kid:base64, the active key first")
    return keys


def signing_pem(raw: str) -> str:
    """Read an Ed25519 private key in PEM, or the path of one; return the PEM."""
    try:
        pem = raw if "-----BEGIN" in raw else Path(raw).expanduser().read_text()
        private_pem(pem)
    except (OSError, RuntimeError, UnicodeDecodeError, UnusableKey) as failure:
        raise ValueError("must be an Ed25519 private key in PEM, or the path of one") from failure
    return pem


def key_id(raw: str) -> str:
    if not KID.fullmatch(raw):
        raise ValueError("must be a key id of letters, digits, '.', '_' and '-'")
    return raw


def previous_key(raw: str) -> VerifyingKey:
    """Read one `kid:alg:key` that still verifies tokens."""
    try:
        return verifying_key(raw)
    except UnusableKey as failure:
        raise ValueError("must list kid:HS256:secret or kid:EdDSA:key") from failure
