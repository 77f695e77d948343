"""Seals: personal text encrypted under one data key per person, before anything is hashed.

Losing a data key erases the person and leaves hashes, sums and proofs as they were
(events_audit.md §8). Data keys are AES-256, wrapped by the key encryption keys of the settings.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.events.event import Sealed

NONCE_BYTES = 12
ERASED = "[erased]"


class WrappedKey(msgspec.Struct, frozen=True):
    """A row of `log.data_keys`."""

    kid: str
    subject: str
    wrapped: bytes
    wrapped_by: str


class DataKey(msgspec.Struct, frozen=True):
    """One person's key, ready for use."""

    kid: str
    subject: str
    cipher: AESGCM

    def seal(self, text: str) -> Sealed:
        """Encrypt `text`; the key id is authenticated with it."""
        return Sealed(b64encode(encrypt(self.cipher, text.encode(), self.kid)).decode(), self.kid)

    def open(self, sealed: Sealed) -> str:
        """Decrypt what `seal` made; raises `InvalidTag` when it was tampered with."""
        return decrypt(self.cipher, b64decode(sealed.enc), self.kid).decode()

    def seal_bytes(self, content: bytes, label: str) -> bytes:
        """Encrypt `content` so that it opens only under the same `label`."""
        return encrypt(self.cipher, content, label)

    def open_bytes(self, content: bytes, label: str) -> bytes:
        """Decrypt what `seal_bytes` made under `label`."""
        return decrypt(self.cipher, content, label)


class KeyEncryptionKeys:
    """The settings' keys that wrap data keys; the first one is active, the rest still open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        assert keys, "at least one key encryption key is needed"
        self.active = next(iter(keys))
        self.ciphers = {kid: AESGCM(key) for kid, key in keys.items()}

    def new_data_key(self, kid: str, subject: str) -> WrappedKey:
        """Make a data key for `subject` and wrap it under the active key."""
        wrapped = encrypt(self.ciphers[self.active], AESGCM.generate_key(256), kid)
        return WrappedKey(kid, subject, wrapped, self.active)

    def unwrap(self, row: WrappedKey) -> DataKey:
        """Open a stored data key; raises `KeyError` when its wrapping key is not configured."""
        return DataKey(row.kid, row.subject, AESGCM(self.opened(row)))

    def rewrap(self, row: WrappedKey) -> WrappedKey:
        """Wrap a stored data key under the active key; raises as `unwrap` does."""
        wrapped = encrypt(self.ciphers[self.active], self.opened(row), row.kid)
        return WrappedKey(row.kid, row.subject, wrapped, self.active)

    def opened(self, row: WrappedKey) -> bytes:
        """Return the key itself."""
        return decrypt(self.ciphers[row.wrapped_by], row.wrapped, row.kid)


def encrypt(cipher: AESGCM, content: bytes, label: str) -> bytes:
    """Return nonce and ciphertext; `label` is authenticated but not stored."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, label.encode())


def decrypt(cipher: AESGCM, content: bytes, label: str) -> bytes:
    """Return the content of what `encrypt` made under the same `label`."""
    return cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], label.encode())


def reveal(sealed: Sealed | None, keys: Mapping[str, DataKey]) -> str | None:
    """Read personal text with the data keys at hand; a lost key reads "[erased]"."""
    if sealed is None:
        return None
    key = keys.get(sealed.kid)
    if key is None:
        return ERASED
    try:
        return key.open(sealed)
    except InvalidTag:
        return ERASED


def unwrap_all(rows: Iterable[WrappedKey], keks: KeyEncryptionKeys) -> dict[str, DataKey]:
    """Open stored data keys by their id."""
    return {row.kid: keks.unwrap(row) for row in rows}


SELECT_BY_KID = (
    "SELECT kid::text, subject, wrapped, wrapped_by FROM log.data_keys WHERE kid = ANY(%b::uuid[])"
)
SELECT_BY_SUBJECT = (
    "SELECT kid::text, subject, wrapped, wrapped_by FROM log.data_keys"
    " WHERE subject = ANY(%b::text[])"
)
