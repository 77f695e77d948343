"""The success envelope, the clock that dates it, and the encoder of everything inside."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ledger.times import utc_text

ENCODER = msgspec.json.Encoder()
OPENING = b'{"data":'


def now_text() -> str:
    """Return the time of this answer."""
    return utc_text(datetime.now(UTC))


def encoded(value: Any) -> bytes:
    """Return `value` as JSON bytes."""
    return ENCODER.encode(value)


def enveloped(data: bytes, metadata: bytes, correlation_id: str, timestamp: str) -> bytes:
    """Wrap JSON `data` the way every success is wrapped (http.md §1.2)."""
    return OPENING + data + closing(metadata, correlation_id, timestamp)


def closing(metadata: bytes, correlation_id: str, timestamp: str) -> bytes:
    """Return what stands in the envelope after the data."""
    return b',"success":true,"timestamp":"%b","correlation_id":"%b","metadata":%b}' % (
        timestamp.encode(),
        correlation_id.encode(),
        metadata,
    )
