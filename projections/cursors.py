"""Cursors: a place in a list, signed together with the list it is a place in."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec

from ledger.errors import Reason, Refused

SIGNATURE_BYTES = 16
LENGTH_MAX = 1_024
Place: TypeAlias = tuple[str | None, ...]
"""The sort values of the last row seen, the id last; as text."""

decode_place = msgspec.json.Decoder(tuple[str | None, ...]).decode


class Cursors:
    """Signs and opens cursors; without `secret` nobody else can."""

    def __init__(self, secret: bytes) -> None:
        self.key = hmac.digest(secret, b"ledgerbank list cursors", sha256)

    def sign(self, listing: Sequence[Any], place: Place) -> str:
        """Return the cursor of a place in `listing`: its name, filters and order."""
        content = msgspec.json.encode(place)
        signed = self.signature(listing, content) + content
        return urlsafe_b64encode(signed).rstrip(b"=").decode()

    def open(self, listing: Sequence[Any], cursor: str) -> Place:
        """Return the place; refused when it is not ours, or of another listing."""
        try:
            signed = urlsafe_b64decode(cursor[:LENGTH_MAX] + "=" * (-len(cursor) % 4))
        except (NotBase64, ValueError) as error:
            raise Refused(Reason.INVALID_CURSOR, field="cursor") from error
        signature, content = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self.signature(listing, content)):
            raise Refused(Reason.INVALID_CURSOR, field="cursor")
        return decode_place(content)

    def signature(self, listing: Sequence[Any], content: bytes) -> bytes:
        """Return what proves that `content` is a place we gave out in `listing`."""
        bound = msgspec.json.encode(listing, order="sorted") + b"\n" + content
        return hmac.digest(self.key, bound, sha256)[:SIGNATURE_BYTES]
