"""Signatures of tree heads: Ed25519, over a text that says it all (events_audit.md §5)."""

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

ALGORITHM = "Ed25519"
KEY_ID_DIGITS = 16


class UnreadableKey(ValueError):
    """A text or file does not hold the Ed25519 key it should."""


class TreeHead(msgspec.Struct, frozen=True):
    """A signed statement: the first `tree_size` events have this root (RFC 6962 §3.5)."""

    tree_size: int
    root_hash: bytes
    sealed_at: str
    key_id: str
    signature: bytes

    @property
    def statement(self) -> bytes:
        """Return what is signed."""
        return statement(self.tree_size, self.root_hash, self.sealed_at)


class Signer(msgspec.Struct, frozen=True):
    """A private key and the name that follows from its public half."""

    key_id: str
    key: Ed25519PrivateKey

    @property
    def public_key(self) -> bytes:
        """Return the 32 bytes that verify what this key signed."""
        return raw_bytes(self.key.public_key())

    def sign(self, tree_size: int, root_hash: bytes, sealed_at: str) -> TreeHead:
        """Vouch for the first `tree_size` events."""
        signature = self.key.sign(statement(tree_size, root_hash, sealed_at))
        return TreeHead(tree_size, root_hash, sealed_at, self.key_id, signature)


def statement(tree_size: int, root_hash: bytes, sealed_at: str) -> bytes:
    """Return the text that a signature is about."""
    return f"ledgerbank-checkpoint-v1\n{tree_size}\n{root_hash.hex()}\n{sealed_at}\n".encode()


def signer_of(pem: str) -> Signer:
    """Return the signer of an Ed25519 private key in PEM; raises `UnreadableKey`."""
    try:
        key = load_pem_private_key(unfolded(pem), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as failure:
        raise UnreadableKey("not an Ed25519 private key in PEM") from failure
    if not isinstance(key, Ed25519PrivateKey):
        raise UnreadableKey("not an Ed25519 private key in PEM")
    return Signer(key_id_of(raw_bytes(key.public_key())), key)


def signed(head: TreeHead, public_keys: Mapping[str, bytes]) -> bool:
    """Say whether a head bears the signature of one of the keys, by the name it gives."""
    public = public_keys.get(head.key_id)
    if public is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(head.signature, head.statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id_of(public_key: bytes) -> str:
    """Return the name that follows from a public key."""
    return sha256(b"ledgerbank audit key" + public_key).hexdigest()[:KEY_ID_DIGITS]


def public_bytes(text: str) -> bytes:
    """Read a public key in PEM or base64; raises `UnreadableKey`."""
    try:
        if "-----BEGIN" not in text:
            key = Ed25519PublicKey.from_public_bytes(b64decode(text.strip(), validate=True))
            return raw_bytes(key)
        found = load_pem_public_key(unfolded(text))
    except (ValueError, Error, UnsupportedAlgorithm) as failure:
        raise UnreadableKey("not an Ed25519 public key in PEM or base64") from failure
    if not isinstance(found, Ed25519PublicKey):
        raise UnreadableKey("not an Ed25519 public key in PEM or base64")
    return raw_bytes(found)


def public_pem(public_key: bytes) -> str:
    """Print a public key as PEM."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def raw_bytes(key: Ed25519PublicKey) -> bytes:
    """Return the 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def unfolded(pem: str) -> bytes:
    r"""Return a PEM whose line ends may have been written as `\n` to fit one line."""
    return pem.replace("\\n", "\n").encode()
