"""The token ring: secrets of outside banks under the keys of the settings (banking.md §3.1).

Whatever is sealed opens only under the label it was sealed with: the connection it belongs to.
"""

from collections.abc import Mapping

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schema.seals import decrypt, encrypt


class SealedText(msgspec.Struct, frozen=True):
    """Ciphertext, and the id of the key it opens with."""

    key_id: str
    content: bytes


class TokenRing:
    """The first key seals; every key opens."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        assert keys, "at least one token key is needed"
        self.active = next(iter(keys))
        self.ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    def seal(self, text: str, label: str) -> SealedText:
        """Encrypt under the active key, with a fresh nonce."""
        return SealedText(self.active, encrypt(self.ciphers[self.active], text.encode(), label))

    def open(self, key_id: str, content: bytes, label: str) -> str:
        """Decrypt; raises `KeyError` for a key that is not configured."""
        return decrypt(self.ciphers[key_id], content, label).decode()
